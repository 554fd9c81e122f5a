import { LogWriter, type ReplicaId, ReplicaLog, replicaId, Table } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage, encodeMessage, KIND, type Message } from '../src/index.js'
import { refusal } from '../src/sync.js'
import { Prng } from './prng.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { SendEffect, VirtualNode } from './virtual-node.js'

const test = suite('frames')
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

test('frames of garbage end their link and change nothing', () => {
  const room = new RoomHarness()
  const [a, b, c] = room.start('a', 'b', 'c') as Three
  for (const node of [a, b, c]) node.count(KEY, 1)
  room.converge()
  const prng = new Prng(11)
  const real = b.sent.filter(frame => message(frame).type === 'update' || message(frame).type === 'diff')
  for (let i = 0; i < 600; i++) {
    room.until('they are linked', () => room.linked(a, b))
    const { kind, body } = prng.pick(real)
    const damaged = body.slice(0, prng.chance(0.5) ? body.length : prng.int(body.length))
    for (let flips = prng.int(4); flips >= 0 && damaged.length > 0; flips--)
      damaged[prng.int(damaged.length)] = prng.int(256)
    room.inject(b, a, prng.chance(0.8) ? kind : prng.int(256), prng.chance(0.9) ? damaged : prng.bytes(40))
    room.run(20)
  }
  room.converge()
  assert.is(room.value(KEY), 3)
  const codes = new Set(a.reports.map(({ error }) => error.code))
  codes.delete('LOG_FORKED')
  for (const code of codes) assert.ok(/FRAME_DAMAGED|UPDATE_REFUSED|BATCH_DAMAGED|BATCH_UNSUPPORTED/.test(code), code)
  assert.ok(codes.has('FRAME_DAMAGED'))
})

test('updates of other logs, of unknown logs and across gaps are taken for what they are', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, 5)
  b.count(KEY, 1)
  room.converge()
  const stranger = new LogWriter(new ReplicaLog(replicaId(77), new Table()))
  const first = stranger.append([{ kind: 'slot', key: KEY, p: 100, n: 0 }]).bytes
  const second = stranger.append([{ kind: 'slot', key: KEY, p: 200, n: 0 }]).bytes
  const logs = a.live.room.logs.size
  // Said to be of another log than it is: refused, and the link ends.
  inject(room, b, a, { type: 'update', log: replicaId(78), update: first })
  assert.is(a.reported('UPDATE_REFUSED'), 1)
  room.until('they are linked again', () => room.linked(a, b))
  room.run(20)
  // Across a gap: asked for, not applied, and nothing is held for it.
  inject(room, b, a, { type: 'update', log: replicaId(77), update: second })
  assert.is(a.live.room.logs.size, logs)
  assert.equal(message(a.sent.at(-1) as SendEffect), { type: 'pull', log: replicaId(77), clock: 0 })
  assert.is(a.read(KEY), 6)
  room.run(20)
  // The answer itself across a gap: not asked again at once.
  const sent = a.sent.length
  inject(room, b, a, { type: 'diff', log: replicaId(77), update: second, more: true })
  assert.is(a.sent.length, sent)
  for (const update of [first, second, first, second])
    inject(room, b, a, { type: 'update', log: replicaId(77), update })
  assert.is(a.read(KEY), 206)
  room.converge()
  assert.is(room.value(KEY), 206)
})

test('questions for what is not held are answered, and nobody waits for ever', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, 1)
  room.converge()
  // b claims to hold a log that it does not: a asks, learns that b holds nothing, and stops.
  const logs = [{ log: replicaId(99), clock: 5, lo: 1, hi: 1 }]
  inject(room, b, a, { type: 'clocks', full: true, logs })
  room.run(200)
  const pulls = a.sent.filter(frame => message(frame).type === 'pull')
  assert.is(pulls.length, 1)
  inject(room, b, a, { type: 'pull', log: idOf(a), clock: 1000 })
  const nothing = { type: 'diff', log: idOf(a), update: Uint8Array.of(0, 0), more: false }
  assert.equal(message(a.sent.at(-1) as SendEffect), nothing)
})

test('an error that is none of the protocol still names the peer', () => {
  const cause = new RangeError('out of range')
  const error = refusal('node-b', cause)
  assert.equal([error.code, error.cause], ['FRAME_DAMAGED', cause])
  assert.match(error.message, 'node-b')
})

test('a frame kind that nobody knows ends the link', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  room.inject(b, a, Math.max(...Object.values(KIND)) + 1, new Uint8Array(3))
  assert.is(a.reported('FRAME_DAMAGED'), 1)
  assert.not.ok(room.linked(a, b))
  room.until('they are linked again', () => room.linked(a, b))
})

test.run()
