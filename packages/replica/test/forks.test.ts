import { counterKey, LogWriter, type ReplicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeMessage, KIND } from '../src/index.js'
import type { LogState } from '../src/protocol.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('forks')
type Three = [VirtualNode, VirtualNode, VirtualNode]
const OTHER = counterKey('other')

function idOf(node: VirtualNode): ReplicaId {
  const id = node.live.commits.replica
  if (id === undefined) throw new Error(`${node.name} has no id`)
  return id
}

/** Three nodes that counted; and the disk of the first as it was some commits ago. */
function setBack(commits = 3) {
  const room = new RoomHarness()
  const nodes = room.start('a', 'b', 'c') as Three
  for (const node of nodes) node.count(KEY, 1)
  room.converge()
  const old = nodes[0].disk.state
  for (let i = 0; i < commits; i++) {
    nodes[0].count(KEY, 10)
    room.run(20)
  }
  room.converge()
  return { room, nodes, old, id: idOf(nodes[0]) }
}

test('a process set back to an earlier memory is found at its first contact, and counts on under a fresh id', () => {
  const { room, nodes, old, id } = setBack()
  const [a, b, c] = nodes
  a.crash()
  a.disk.state = old
  a.start(id)
  assert.is(idOf(a), id)
  a.count(KEY, 100)
  room.run(30)
  assert.is(a.reported('LOG_FORKED'), 1)
  assert.match(a.reports.find(({ error }) => error.code === 'LOG_FORKED')?.error.message ?? '', 'at most 101 counts')
  assert.is.not(a.live.commits.replica, id)
  room.converge()
  for (const node of [a, b, c]) {
    assert.ok(node.live.room.forked.has(id))
    assert.is(node.reported('LOG_FORKED'), 1)
  }
  // Three commits of ten stood against one of a hundred under the same id: the larger slot counts, none twice.
  assert.is(room.value(KEY), 103)
  a.count(KEY, 1)
  room.converge()
  assert.is(room.value(KEY), 104)
})

test('what was known of a log stays where it is fetched afresh, and its writer knows less of it by then', () => {
  const { room, nodes, old, id } = setBack()
  const [a, b, c] = nodes
  a.crash()
  // As a node does with a log that it holds in part, while nobody can give it the rest.
  for (const { live } of [b, c]) live.room.refetch(id)
  a.disk.state = old
  a.start(id)
  room.converge()
  assert.is(room.value(KEY), 33)
  a.count(KEY, 1)
  room.converge()
  for (const node of nodes) node.reboot()
  for (const node of nodes) node.start()
  room.converge()
  assert.is(room.value(KEY), 34)
})

test('what forked stays frozen over restarts of all', () => {
  const { room, nodes, old, id } = setBack()
  const [a] = nodes
  a.crash()
  a.disk.state = old
  a.start(id)
  a.count(OTHER, 5)
  room.converge()
  const values = [room.value(KEY), room.value(OTHER)]
  for (const node of nodes) node.reboot()
  for (const node of nodes) node.start()
  room.converge()
  assert.equal([room.value(KEY), room.value(OTHER)], values)
  assert.equal(values, [33, 5])
  for (const node of nodes) assert.ok(node.live.room.forked.has(id))
})

test('two processes under one id that count the same are told apart by their salts', () => {
  const { room, nodes, id } = setBack()
  const [a, b] = nodes
  a.count(KEY, 1)
  const twin = room.node('twin', a.disk.copy())
  room.partition([twin], nodes)
  room.converge()
  twin.start(id)
  twin.count(KEY, 1)
  twin.count(OTHER, 1)
  a.count(OTHER, 1)
  room.run(100)
  room.heal()
  room.converge()
  assert.ok(b.live.room.forked.has(id))
  assert.ok(a.reported('LOG_FORKED') + twin.reported('LOG_FORKED') >= 2)
  assert.is.not(a.live.commits.replica, twin.live.commits.replica)
  assert.is(room.value(OTHER), 1)
})

test('a hello with the own id is a fork at once', () => {
  const { room, nodes, id } = setBack()
  const [a] = nodes
  const twin = room.node('twin', a.disk.copy())
  room.partition([twin], [nodes[1], nodes[2]])
  twin.start(id)
  room.run(20)
  assert.equal([a.reported('LOG_FORKED'), twin.reported('LOG_FORKED')], [1, 1])
  room.heal()
  room.converge()
  assert.is(room.value(KEY), 33)
})

test('a confirmation of more than was written is a fork', () => {
  const { room, nodes, id } = setBack()
  const [a, b] = nodes
  const clock = (a.live.commits.state?.clock ?? 0) + 5
  const { kind, body } = encodeMessage({ type: 'durable', marks: [{ store: b.store, log: id, clock }] })
  room.inject(b, a, kind, body)
  assert.is(a.reported('LOG_FORKED'), 1)
  room.converge()
  assert.is(room.value(KEY), 33)
})

test('a process that was set back is found by what its peers hold, also once its log is cleaned past that place', () => {
  for (const restarts of [false, true]) {
    const { room, nodes, old, id } = setBack()
    const [a, b, c] = nodes
    a.crash()
    a.disk.state = old
    room.partition([a], [b, c])
    a.start(id)
    const commits = (count: number) => {
      for (let i = 0; i < count; i++) {
        a.count(KEY, 10)
        room.run(20)
      }
    }
    commits(10)
    if (restarts) {
      a.crash()
      a.start()
    }
    commits(150)
    assert.is(idOf(a), id)
    assert.ok(a.live.room.log(id).head > b.live.room.log(id).clock)
    room.heal()
    room.converge()
    assert.is(a.reported('LOG_FORKED'), 1)
    // The larger slot of the two histories counts: those of three nodes, and 160 tens.
    assert.is(room.value(KEY), 3 + 1_600)
  }
})

/** Nobody holds the log of a, which was set back and is cut off, any more; b alone carries what it said. */
function adoptedElsewhere() {
  const { room, nodes, old, id } = setBack()
  const [a, b, c] = nodes
  a.crash()
  a.disk.state = old
  c.reboot()
  room.nodes.splice(2, 1)
  b.crash()
  b.disk.harm(id, 'the second record fails its checksum')
  room.cut(a, b)
  b.start()
  room.run(100)
  return { room, a, b, id }
}

test('an adopted slot larger than the own one is a fork, whether or not this process was asked for its counter', () => {
  for (const key of [KEY, OTHER]) {
    const { room, a, id } = adoptedElsewhere()
    a.start(id)
    a.count(key, 1)
    room.run(100)
    room.heal()
    room.converge()
    assert.is(a.reported('LOG_FORKED'), 1)
    assert.is.not(a.live.commits.replica, id)
  }
})

test('an adopted slot that the disk holds, larger than the own one, is a fork from the start', () => {
  const { room, a, b, id } = adoptedElsewhere()
  const log = idOf(b)
  a.disk.apply([{ log, append: { clock: 0, update: b.disk.read(log).diff(0, 1_000_000).bytes } }], undefined)
  a.start(id)
  assert.is(a.live.commits.replica, undefined)
  room.heal()
  room.converge()
  assert.is(a.reported('LOG_FORKED'), 1)
})

/** Two processes under one id, a and its twin, which never meet; b is linked with both, c with the twin only. */
function twins() {
  const { room, nodes, id } = setBack(0)
  const [a, b, c] = nodes
  const twin = room.node('twin', a.disk.copy())
  room.cut(a, twin)
  room.cut(a, c)
  twin.start(id)
  room.run(50)
  return { room, a, b, c, twin, id }
}

test('two commits that meet under one clock are a fork where they meet', () => {
  const { room, a, b, twin, id } = twins()
  a.count(KEY, 10)
  twin.count(KEY, 20)
  room.run(12)
  assert.ok(b.live.room.forked.has(id))
  assert.match(b.reports[0]?.error.message ?? '', 'two different batches')
  room.converge()
  // Both raised the same slot: the larger one counts.
  assert.is(room.value(KEY), 23)
})

test('two histories whose writers are gone are told apart by those who hold them', () => {
  const { room, a, b, c, twin, id } = twins()
  room.cut(b, twin)
  room.cut(b, c)
  a.count(KEY, 10)
  twin.count(KEY, 20)
  room.run(50)
  assert.equal([b.read(KEY), c.read(KEY)], [13, 23])
  for (const node of [a, twin]) {
    node.crash()
    room.nodes.splice(room.nodes.indexOf(node), 1)
  }
  room.heal()
  room.converge()
  assert.is(room.value(KEY), 23)
  assert.ok(b.live.room.forked.has(id) && c.live.room.forked.has(id))
})

test('a part of the own log that this node did not write is a fork, and what it says counts', () => {
  for (const behind of [0, 1]) {
    const { room, nodes, id } = setBack()
    const [a, b] = nodes
    const other = new LogWriter(a.disk.copy().read(id))
    for (let i = 0; i < behind; i++) a.count(KEY, 1)
    room.converge()
    const update = other.append([{ kind: 'slot', key: KEY, p: 100, n: 0 }], 99).bytes
    room.inject(b, a, KIND.sync, encodeMessage({ type: 'update', log: id, update }).body)
    assert.is(a.reported('LOG_FORKED'), 1)
    room.converge()
    assert.is(room.value(KEY), 102)
  }
})

test('another history of the own log at the same clock is a fork', () => {
  const { room, nodes } = setBack()
  const [a, b] = nodes
  const state = a.live.commits.state as LogState
  room.inject(b, a, KIND.clocks, encodeMessage({ type: 'clocks', full: false, logs: [state] }).body)
  assert.is(a.reported('LOG_FORKED'), 0)
  const logs = [{ ...state, hi: state.hi ^ 1 }]
  room.inject(b, a, KIND.clocks, encodeMessage({ type: 'clocks', full: false, logs }).body)
  assert.is(a.reported('LOG_FORKED'), 1)
})

test('more than three changes of id in an hour are contested', () => {
  const { room, nodes } = setBack()
  const [a, b] = nodes
  for (let i = 1; i <= 4; i++) {
    assert.is(a.live.contested, false)
    a.count(KEY, 1)
    room.converge()
    const log = idOf(a)
    const logs = [{ log, clock: 1000, lo: 0, hi: 0 }]
    const { kind, body } = encodeMessage({ type: 'clocks', full: false, logs })
    room.inject(b, a, kind, body)
    assert.is(a.reported('LOG_FORKED'), i)
  }
  assert.is(a.live.contested, true)
  assert.is(a.reported('IDENTITY_CONTESTED'), 1)
  room.converge()
})

test('changes of id that are hours apart are not contested', () => {
  const { room, nodes } = setBack()
  const [a, b] = nodes
  for (let i = 1; i <= 5; i++) {
    a.count(KEY, 1)
    room.converge()
    const logs = [{ log: idOf(a), clock: 1000, lo: 0, hi: 0 }]
    room.inject(b, a, KIND.clocks, encodeMessage({ type: 'clocks', full: false, logs }).body)
    room.run(1_300_000)
  }
  assert.is(a.live.contested, false)
})

test('a fork while a commit is in flight keeps what that commit counted', () => {
  const { room, nodes, id } = setBack()
  const [a, b] = nodes
  a.persistMs = 400
  a.count(KEY, 7)
  room.run(10)
  const logs = [{ log: id, clock: 1000, lo: 0, hi: 0 }]
  room.inject(b, a, KIND.clocks, encodeMessage({ type: 'clocks', full: false, logs }).body)
  a.count(KEY, 5)
  assert.is(a.read(KEY), 45)
  a.persistMs = 2
  room.converge()
  assert.is(room.value(KEY), 45)
  assert.ok(a.acknowledged.length > 0)
})

test('what a forked log carried for others moves on', () => {
  const { room, nodes, old, id } = setBack()
  const [a, b, c] = nodes
  // First a forks; c adopts its slots into its own log. Then c forks too.
  a.crash()
  a.disk.state = old
  a.start(id)
  room.converge()
  const carrier = idOf(c)
  room.inject(
    b,
    c,
    KIND.clocks,
    encodeMessage({ type: 'clocks', full: false, logs: [{ log: carrier, clock: 1000, lo: 0, hi: 0 }] }).body,
  )
  room.converge()
  for (const node of nodes) node.reboot()
  const late = room.node('late')
  late.start()
  for (const node of nodes) node.start()
  room.converge()
  assert.is(late.read(KEY), 33)
  assert.ok(late.live.room.forked.has(carrier) && late.live.room.forked.has(id))
})

test.run()
