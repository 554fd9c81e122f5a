import { replicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decideIdentity, type IdentityEvidence } from '../src/index.js'
import { KEY, RoomHarness } from './room-harness.js'
import type { VirtualNode } from './virtual-node.js'

const test = suite('identity')
type Three = [VirtualNode, VirtualNode, VirtualNode]

const X = replicaId(10)
const Y = replicaId(11)
/** Of one history: the tip says which commit it is. */
const mark = (number: number, clock = number, replica = X) => {
  return { number, replica, clock, tip: 1000 + number, before: 999 + number }
}
const other = { tip: 2005, before: 2004 }
const unknown = { tip: 0, before: 0 }

/** Everything in order: the witness and the store know commit 5. */
const SOUND: IdentityEvidence = { witness: mark(5), held: true, clean: true, stored: mark(5) }

type Outcome = 'resumes' | 'fresh' | 'behind' | 'another'
const rows: Array<[string, Partial<IdentityEvidence>, Outcome]> = [
  ['all is proven', {}, 'resumes'],
  ['the store is one commit ahead: a crash before the witness was written', { stored: mark(6) }, 'resumes'],
  ['the store is two commits ahead', { stored: mark(7) }, 'fresh'],
  ['the store is behind', { stored: mark(4) }, 'behind'],
  ['the store is empty', { stored: undefined }, 'behind'],
  ['the store has a smaller clock', { stored: mark(5, 4) }, 'another'],
  ['the store has a larger clock', { stored: mark(5, 6) }, 'another'],
  ['the store has another commit of the same number and clock', { stored: { ...mark(5), ...other } }, 'another'],
  ['the store has the commit after another one', { stored: { ...mark(6), before: other.tip } }, 'another'],
  ['the store has the first commit of its log again', { stored: { ...mark(6, 1), before: 0 } }, 'another'],
  ['the store is two commits ahead in another history', { stored: { ...mark(7), ...other } }, 'fresh'],
  ['the store does not know its tips', { stored: { ...mark(5), ...unknown } }, 'fresh'],
  ['the store does not know its tips, one commit ahead', { stored: { ...mark(6), ...unknown } }, 'fresh'],
  ['the witness does not know its tips', { witness: { ...mark(5), ...unknown } }, 'fresh'],
  ['neither knows its tips', { witness: { ...mark(5), ...unknown }, stored: { ...mark(5), ...unknown } }, 'fresh'],
  [
    'neither knows its tips, one ahead',
    { witness: { ...mark(5), ...unknown }, stored: { ...mark(6), before: 0 } },
    'fresh',
  ],
  ['the store is behind, under another id', { stored: mark(4, 9, Y) }, 'behind'],
  ['the witness is of another id', { stored: mark(5, 5, Y) }, 'another'],
  ['the store is one commit ahead, under a fresh id', { stored: { ...mark(6, 1, Y), before: 0 } }, 'fresh'],
  ['no witness: reboot, new container, copied directory', { witness: undefined }, 'fresh'],
  ['a lock is missing', { held: false }, 'fresh'],
  ['the store did not verify clean', { clean: false }, 'fresh'],
  ['a new store, and no witness', { witness: undefined, stored: undefined }, 'fresh'],
]

for (const [what, evidence, outcome] of rows) {
  test(`${outcome}: ${what}`, () => {
    const { resume, report } = decideIdentity({ ...SOUND, ...evidence })
    assert.is(resume, outcome === 'resumes' ? X : undefined)
    const said = outcome === 'another' || outcome === 'behind'
    assert.is(report?.code, said ? 'STORE_BEHIND' : undefined)
    assert.is(/another history/.test(report?.message ?? ''), outcome === 'another')
  })
}

test('a store that is behind is said with how much it lacks', () => {
  const { report } = decideIdentity({ ...SOUND, witness: mark(12) })
  assert.match(report?.message ?? '', 'commit 5, but commit 12')
  assert.match(report?.message ?? '', '7 commits are lost')
})

/** A room of three in which everybody counted `commits` times. */
function counted(commits: number): { room: RoomHarness; nodes: Three } {
  const room = new RoomHarness()
  const nodes = room.start('a', 'b', 'c') as Three
  for (let i = 0; i < commits; i++) {
    for (const node of nodes) node.count(KEY, 1)
    room.run(20)
  }
  room.converge()
  return { room, nodes }
}

test('an everyday crash keeps the id, and 200 of them grow nothing', () => {
  const { room, nodes } = counted(1)
  const [a] = nodes
  const id = a.live.commits.replica
  let sizes: number[] = []
  for (let i = 0; i < 200; i++) {
    a.crash()
    a.start()
    room.run(50)
    a.count(KEY, 1)
    room.run(200)
    assert.is(a.live.commits.replica, id)
    if (i === 100) sizes = nodes.map(({ live }) => live.room.logs.size)
  }
  room.converge()
  assert.is(room.value(KEY), 203)
  assert.equal(
    nodes.map(({ live }) => live.room.logs.size),
    sizes,
  )
  for (const { live, disk } of nodes) {
    assert.is(live.room.logs.size, 3)
    assert.ok(disk.records < 3 * 70, `${disk.records} records`)
    const log = live.room.logs.get(id as typeof X)
    assert.ok(log && log.clock - log.head < 70 && log.structs < 70)
  }
})

test('peers that come and go are recorded once', () => {
  const { room, nodes } = counted(1)
  const clocks = nodes.map(({ live }) => live.commits.state?.clock)
  for (let i = 0; i < 20; i++) {
    nodes[0].crash()
    nodes[0].start()
    room.run(300)
  }
  room.converge()
  assert.equal(
    nodes.map(({ live }) => live.commits.state?.clock),
    clocks,
  )
})

test('a reboot takes a fresh id at the first commit, not before', () => {
  const { room, nodes } = counted(2)
  const [a] = nodes
  const id = a.live.commits.replica
  a.reboot()
  a.start()
  room.converge()
  assert.is(a.live.commits.replica, undefined)
  assert.is(a.live.room.logs.size, 3)
  a.count(KEY, 1)
  room.converge()
  assert.not.equal([undefined, id].includes(a.live.commits.replica), true)
  assert.is(room.value(KEY), 7)
})

test('a node that never counts takes no id and writes no log', () => {
  const room = new RoomHarness()
  const [a, b] = room.start('a', 'b') as Three
  a.count(KEY, 1)
  room.converge()
  room.run(20_000)
  assert.is(b.live.commits.replica, undefined)
  assert.is(b.live.room.logs.size, 1)
  // It is a member all the same: those who count record it.
  assert.is(a.live.room.logs.get(a.live.commits.replica as typeof X)?.live.size, 3)
})

for (const witnessed of [true, false]) {
  test(`a disk rolled back ${witnessed ? 'under' : 'without'} its witness loses and doubles nothing`, () => {
    const { room, nodes } = counted(3)
    const [a] = nodes
    const old = a.disk.state
    for (let i = 0; i < 4; i++) {
      a.count(KEY, 10)
      room.run(20)
    }
    room.converge()
    a.crash()
    a.disk.state = old
    if (!witnessed) a.witness = undefined
    a.start()
    assert.is(a.reported('STORE_BEHIND'), witnessed ? 1 : 0)
    a.count(KEY, 100)
    room.converge()
    assert.is(room.value(KEY), 149)
    assert.is(a.reported('LOG_FORKED'), 0)
  })
}

/** A disk gets a commit that its witness never learns of, is put back to what the witness knows, counts `live` under the same
 *  id, and then comes back as it was. */
function rolledBackTwice(dead: number, live: number) {
  const { room, nodes } = counted(3)
  const [a] = nodes
  const [id, before] = [a.live.commits.replica, a.disk.state]
  a.persistMs = 100
  a.count(KEY, dead)
  room.run(60)
  a.crash()
  const image = a.disk.state
  assert.equal([image.mark?.number, a.witness?.number], [4, 3])
  a.disk.state = before
  a.persistMs = 2
  a.start()
  assert.is(a.live.commits.replica, id, 'nothing tells the first rollback')
  a.count(KEY, live)
  room.converge()
  a.crash()
  return { room, nodes, image }
}

for (const [dead, live] of [
  [10, 100],
  [10, 10],
  [100, 10],
] as const) {
  test(`a disk rolled back twice has another history of its last commit: ${dead}, then ${live}`, () => {
    const { room, nodes, image } = rolledBackTwice(dead, live)
    const [a] = nodes
    assert.equal([image.mark?.number, image.mark?.clock], [a.witness?.number, a.witness?.clock])
    a.disk.state = image
    a.start()
    assert.is(a.reported('STORE_BEHIND'), 1)
    assert.is(a.live.commits.replica, undefined)
    a.count(KEY, 1000)
    room.converge()
    // Of the two commits that exist under one id the larger stays, on every node; and nothing that comes after is swallowed.
    assert.is(room.value(KEY), 1009 + Math.max(dead, live))
    for (const node of nodes) assert.is(node.reported('LOG_FORKED'), 1)
  })
}

test('a disk that comes back one commit ahead of its witness, in another history, is told', () => {
  const { room, nodes, image } = rolledBackTwice(10, 100)
  const [a] = nodes
  const witness = a.witness
  // What the first history went on to before it was given up: its machine witnessed both commits, and was set back whole.
  a.disk.state = image
  a.witness = image.mark
  room.partition([a], nodes.slice(1))
  a.persistMs = 100
  a.start()
  a.count(KEY, 10)
  room.run(60)
  a.crash()
  assert.equal([a.disk.state.mark?.number, witness?.number], [5, 4])
  a.witness = witness
  a.persistMs = 2
  a.start()
  assert.is(a.reported('STORE_BEHIND'), 1)
  assert.is(a.live.commits.replica, undefined)
  a.count(KEY, 1000)
  room.heal()
  room.converge()
  assert.is(room.value(KEY), 1109)
})

test('a wiped disk gets everything back that its peers hold', () => {
  const { room, nodes } = counted(3)
  const [a, b] = nodes
  b.crash()
  b.witness = undefined
  room.nodes.splice(1, 1)
  const fresh = room.node('b')
  fresh.start()
  fresh.count(KEY, 1)
  room.converge()
  assert.is(room.value(KEY), 10)
  assert.is.not(fresh.store, b.store)
  assert.ok(a.up)
})

test('a disk copied to a second machine counts on both', () => {
  const { room, nodes } = counted(2)
  const [a] = nodes
  const twin = room.node('twin', a.disk.copy())
  twin.start()
  for (const node of [a, twin, a, twin]) {
    node.count(KEY, 10)
    room.run(30)
  }
  room.converge()
  assert.is(room.value(KEY), 46)
  assert.is.not(a.live.commits.replica, twin.live.commits.replica)
  assert.equal(
    [a, twin].map(node => node.reported('LOG_FORKED')),
    [0, 0],
  )
})

test('a commit that a crash kept from the witness is in the witness before peers see it', () => {
  const { room, nodes } = counted(1)
  const [a] = nodes
  const [id, before] = [a.live.commits.replica, a.disk.state]
  a.persistMs = 100
  a.count(KEY, 10)
  room.run(60)
  a.crash()
  assert.equal([a.disk.state.mark?.number, a.witness?.number], [2, 1])
  a.persistMs = 2
  a.start()
  assert.is(a.live.commits.replica, id)
  room.converge()
  assert.is(room.value(KEY), 13)
  // Were it not, this disk would look current, and its next counts would vanish below what the peers hold.
  a.crash()
  a.disk.state = before
  a.start()
  assert.is(a.reported('STORE_BEHIND'), 1)
  a.count(KEY, 5)
  room.converge()
  assert.is(room.value(KEY), 18)
})

test('a copy that was taken in the middle of a commit is no fork', () => {
  const { room, nodes } = counted(2)
  const [a] = nodes
  a.persistMs = 1000
  a.count(KEY, 10)
  room.run(600)
  room.node('twin', a.disk.copy()).start()
  room.converge()
  assert.is(room.value(KEY), 16)
  assert.equal(
    room.nodes.map(node => node.reported('LOG_FORKED')),
    [0, 0, 0, 0],
  )
})

test('an id that anybody here has heard of is not drawn again', () => {
  const [a] = counted(2).nodes
  const id = a.live.commits.replica as number
  const draws = [id / 2 ** 53, 0.5]
  assert.is(
    a.live.room.freshId(() => draws.shift() as number),
    2 ** 52,
  )
})

test.run()
