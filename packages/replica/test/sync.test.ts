import { counterKey, decodeLogUpdate, LogWriter, type ReplicaId, ReplicaLog, replicaId, Table } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage, encodeMessage, type Message } from '../src/index.js'
import { Prng } from './prng.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { SendEffect, VirtualNode } from './virtual-node.js'

const test = suite('sync')
type Three = [VirtualNode, VirtualNode, VirtualNode]

function idOf(node: VirtualNode): ReplicaId {
  const id = node.live.commits.replica
  if (id === undefined) throw new Error(`${node.name} has no id`)
  return id
}

function message({ kind, body }: SendEffect): Message {
  return decodeMessage(kind, body)
}

function inject(room: RoomHarness, from: VirtualNode, to: VirtualNode, what: Message): void {
  const { kind, body } = encodeMessage(what)
  room.inject(from, to, kind, body)
}

/** A node that holds `count` keys, each counted once. */
function filled(room: RoomHarness, count: number): VirtualNode {
  const node = room.node('full')
  node.start()
  for (let i = 0; i < count; i++) node.count(counterKey(`some-counter-${i}`), 1)
  room.converge()
  return node
}

test('a late joiner gets many keys in bounded frames', () => {
  const room = new RoomHarness({ deepChecks: false })
  const full = filled(room, 30_000)
  const late = room.node('late')
  late.start()
  room.converge()
  const diffs = full.sent.filter(frame => message(frame).type === 'diff')
  assert.ok(diffs.length > 3)
  for (const { body } of diffs) assert.ok(body.length <= (32 + 64) * 1024, `${body.length} bytes`)
  assert.is(late.read(counterKey('some-counter-29999')), 1)
})

test('a join that is cut half way goes on where it was, also after a crash', () => {
  const room = new RoomHarness({ updateBytesMax: 40_000 })
  const full = filled(room, 12_000)
  const late = room.node('late')
  late.start()
  const clock = () => late.live.room.logs.get(idOf(full))?.clock ?? 0
  const half = (full.live.commits.state?.clock ?? 0) / 2
  while (clock() < half / 2) room.run(5)
  room.drop(full, late)
  room.run(2)
  assert.ok(clock() >= half / 2 && clock() < half)
  while (clock() < half) room.run(5)
  room.run(20)
  const reached = clock()
  late.crash()
  late.start()
  assert.ok(late.live.room.logs.get(idOf(full))?.clock === reached, 'the disk kept what had come')
  const from = full.sent.length
  room.converge()
  const again = full.sent.slice(from).map(message)
  for (const sent of again) {
    if (sent.type === 'diff') assert.ok(decodeLogUpdate(sent.log, sent.update).clock >= reached)
  }
  assert.is(late.read(counterKey('some-counter-11999')), 1)
})

test('counting goes on while somebody joins, and the joiner ends up with all of it', () => {
  const room = new RoomHarness({ updateBytesMax: 20_000, deepChecks: false })
  const full = filled(room, 5000)
  const late = room.node('late')
  late.start()
  for (let i = 0; i < 200; i++) {
    full.count(counterKey(`some-counter-${(i * 37) % 5000}`), 1)
    room.run(2)
  }
  room.converge()
  assert.ok(late.live.table.equals(full.live.table))
})

/** A full node whose log is cleaned at its head, and a joiner that holds a part of it, across the gap. */
function partly(room: RoomHarness): { full: VirtualNode; late: VirtualNode; clock: number } {
  const full = filled(room, 400)
  for (let i = 0; i < 300; i++) {
    full.count(counterKey(`some-counter-${(i * 7) % 50}`), 1)
    room.run(5)
  }
  room.converge()
  const late = room.node('late')
  late.start()
  const log = () => late.live.room.logs.get(idOf(full))
  while ((log()?.clock ?? 0) === 0) room.run(1)
  room.cut(full, late)
  room.run(50)
  const clock = log()?.clock ?? 0
  assert.ok(clock > 0 && clock < (full.live.commits.state?.clock ?? 0))
  assert.is(log()?.complete, false)
  return { full, late, clock }
}

test('a log that is held in part is neither served nor confirmed', () => {
  const room = new RoomHarness({ updateBytesMax: 1000 })
  const { full, late } = partly(room)
  const id = idOf(full)
  const third = room.node('third')
  room.cut(full, third)
  third.start()
  room.run(500)
  for (const sent of late.sent.map(message)) {
    if (sent.type === 'clocks') assert.not.ok(sent.logs.some(({ log, clock }) => log === id && clock > 0))
    if (sent.type === 'durable') assert.not.ok(sent.marks.some(({ log, clock }) => log === id && clock > 0))
    assert.not.ok(sent.type === 'diff' && sent.log === id)
  }
  inject(room, third, late, { type: 'pull', log: id, clock: 0 })
  const answer = message(late.sent.at(-1) as SendEffect)
  assert.equal(answer, { type: 'diff', log: id, update: Uint8Array.of(0, 0), more: false })
})

test('answers that come more than once do not multiply the questions', () => {
  const room = new RoomHarness({ updateBytesMax: 1000 })
  const full = filled(room, 400)
  for (let i = 0; i < 300; i++) {
    full.count(counterKey(`some-counter-${(i * 7) % 50}`), 1)
    room.run(5)
  }
  const late = room.node('late')
  room.loses = (from, to, frame) => {
    const answer = message(frame)
    if (from !== full || answer.type !== 'diff') return false
    for (const times of [2, 3]) room.after(times * room.delayMs, () => inject(room, from, to, answer))
    return false
  }
  late.start()
  room.until('all is fetched', () => late.live.room.logs.get(idOf(full))?.clock === full.live.commits.state?.clock)
  const clocks = late.sent.map(message).flatMap(sent => (sent.type === 'pull' ? [sent.clock] : []))
  assert.ok(clocks.length > 5, `${clocks.length} questions`)
  assert.is(new Set(clocks).size, clocks.length)
})

test('a catch-up whose sender is gone for good is fetched whole from a peer that holds less', () => {
  const room = new RoomHarness({ updateBytesMax: 1000 })
  const other = room.node('other')
  other.start()
  const { full, late } = partly(room)
  const id = idOf(full)
  // The other one is behind: it never got what full counted last.
  assert.is(other.live.room.logs.get(id)?.complete, true)
  const behind = other.live.room.logs.get(id)?.clock ?? 0
  full.crash()
  room.nodes.splice(room.nodes.indexOf(full), 1)
  room.converge()
  assert.is(late.live.room.logs.get(id)?.complete, true)
  assert.is(late.live.room.logs.get(id)?.clock, behind)
  assert.is(late.read(counterKey('some-counter-399')), 1)
})

test('what only a half-fetched log said is adopted when that log is given up', () => {
  const room = new RoomHarness({ updateBytesMax: 1000 })
  const other = room.node('other')
  const full = filled(room, 400)
  other.start()
  room.converge()
  room.cut(other, full)
  const behind = other.live.room.logs.get(idOf(full))?.clock ?? 0
  for (let i = 0; i < 300; i++) {
    full.count(counterKey(`some-counter-${(i * 7) % 50}`), 1)
    room.run(5)
  }
  const late = room.node('late')
  room.cut(other, late)
  late.start()
  const log = () => late.live.room.logs.get(idOf(full))
  while ((log()?.clock ?? 0) <= behind + 20) room.run(1)
  assert.is(log()?.complete, false)
  const id = idOf(full)
  full.crash()
  room.nodes.splice(room.nodes.indexOf(full), 1)
  room.run(50)
  const read = (node: VirtualNode) => Array.from({ length: 50 }, (_, i) => node.read(counterKey(`some-counter-${i}`)))
  const [said, held] = [read(late), read(other)]
  assert.ok(said.some((value, i) => value > (held[i] as number)))
  room.heal()
  room.converge()
  assert.is(late.live.room.logs.get(id)?.clock, behind)
  const both = said.map((value, i) => Math.max(value, held[i] as number))
  assert.equal([read(late), read(other)], [both, both])
})

test('updates that are lost, doubled and out of order change nothing but the time it takes', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  const prng = new Prng(3)
  room.loses = (from, to, frame) => {
    const dice = prng.int(10)
    if (dice === 0) return true
    if (dice < 4)
      room.after(prng.int(300), () => room.linked(from, to) && room.inject(from, to, frame.kind, frame.body))
    return dice === 1
  }
  for (let i = 0; i < 300; i++) {
    prng.pick([a, b, c]).count(KEY, 1)
    room.run(prng.int(20))
  }
  room.converge()
  assert.is(room.value(KEY), 300)
  assert.equal(
    [a, b, c].flatMap(({ reports }) => reports.map(({ error }) => error.code)),
    [],
  )
})

test('a peer that missed an update and restarts before it caught up loses nothing', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  for (let i = 0; i < 200; i++) {
    a.count(counterKey(`key-${i % 20}`), 1)
    room.run(10)
    // Every ninth update is lost on its way, the next ones arrive across a gap.
    room.loses = (from, _to, frame) => from === a && i % 9 === 0 && message(frame).type === 'update'
    if (i % 20 === 10) {
      b.crash()
      b.start()
      room.run(30)
    }
  }
  room.loses = () => false
  a.crash()
  a.disk.state = { logs: new Map(), mark: undefined }
  a.witness = undefined
  // Everything that a had acknowledged with b is there without a.
  room.run(500)
  b.crash()
  b.start()
  for (const { log } of [...b.disk.load()]) assert.is(b.disk.read(log).complete, true)
  for (let i = 0; i < 19; i++) assert.ok(b.read(counterKey(`key-${i}`)) >= 9)
  assert.equal(b.reports, [])
})

test('states of more logs than a frame takes are said in parts', () => {
  const room = new RoomHarness({ deepChecks: false })
  const [a, b] = room.start('a', 'b') as Three
  const known = new Table()
  for (let i = 1; i <= 30_001; i++) {
    const writer = new LogWriter(new ReplicaLog(replicaId(i), known))
    const checked = new ReplicaLog(replicaId(i), a.live.table).check(
      writer.append([{ kind: 'slot', key: KEY, p: 1, n: 0 }]).bytes,
    )
    if (checked.verdict === 'new') a.live.room.apply(a.live.room.log(replicaId(i)), checked)
  }
  a.flushSoon()
  room.run(10)
  const from = a.sent.length
  room.drop(a, b)
  room.until('they are linked again', () => room.linked(a, b))
  room.run(10)
  const sent = a.sent
    .slice(from)
    .map(message)
    .filter(({ type }) => type === 'clocks')
  assert.equal(
    sent.slice(0, 2).map(part => part.type === 'clocks' && [part.full, part.logs.length]),
    [
      [false, 30_000],
      [false, 1],
    ],
  )
  assert.equal(
    a.sent.slice(from).filter(({ body }) => body.length > 1024 * 1024),
    [],
  )
})

test('equal sums say what a peer holds, where its clocks were lost', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as [VirtualNode, VirtualNode]
  a.count(KEY, 1)
  room.converge()
  room.loses = (from, _, frame) => from === b && message(frame).type === 'clocks'
  room.drop(a, b)
  room.run(2 * room.heartbeatMs)
  assert.is([...a.live.peers][0]?.said, true)
})

test('a commit goes at once to a peer that got what is before it by way of another', () => {
  const room = new RoomHarness({ antiEntropyMs: 60_000 })
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  a.count(KEY, 1)
  room.converge()
  room.cut(a, b)
  room.cut(c, b)
  a.count(KEY, 1)
  room.run(100)
  // On its new link b says that it lacks the second count; what a sends then is lost, and c sends the same.
  room.loses = (from, to, frame) => from === a && to === b && message(frame).type !== 'ping'
  room.heal()
  room.run(2 * room.heartbeatMs)
  assert.is(b.read(KEY), 2)
  room.loses = () => false
  a.count(KEY, 1)
  room.run(100)
  assert.is(b.read(KEY), 3)
})

test.run()
