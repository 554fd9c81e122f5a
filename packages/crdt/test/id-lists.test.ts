import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type FenceEntry,
  IdLists,
  LIST_IDS_MAX,
  LogWriter,
  type ReplicaId,
  ReplicaLog,
  replicaId,
  Table,
} from '../src/index.js'
import { ADOPTED_NUMBER_MIN } from '../src/ledger-ids.js'
import { anyReplica } from './samples.js'

const test = suite('id lists')
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => replicaId(from + i))
const fence = (number: number, ...replicas: number[]): FenceEntry => {
  return { kind: 'fence', number, ids: replicas.map(replicaId) }
}

/** Says what it takes to name the ids, as one commit does. Answers that. */
function say(lists: IdLists<ReplicaId>, ids: Iterable<ReplicaId>): FenceEntry[] {
  const entries = [...lists.adding(ids)].map((list): FenceEntry => ({ kind: 'fence', ...list }))
  for (const entry of entries) lists.take(entry, 1)
  return entries
}

test('however ids are added, all lists but one are full, and name each id once', () => {
  const anyPortions = fc.array(fc.array(anyReplica, { maxLength: 150 }), { maxLength: 12 })
  fc.assert(
    fc.property(anyPortions, portions => {
      const lists = new IdLists<ReplicaId>()
      for (const portion of portions) {
        for (const { ids } of say(lists, new Set(portion))) {
          assert.ok(ids.length > 0 && ids.length <= LIST_IDS_MAX)
          assert.ok(ids.every((id, i) => i === 0 || id > (ids[i - 1] as number)))
        }
        for (const id of portion) assert.ok(lists.has(id))
      }
      const ids = [...lists.ids()]
      assert.equal(
        ids.sort((a, b) => a - b),
        [...new Set(portions.flat())].sort((a, b) => a - b),
      )
      assert.is([...lists.lists()].length, Math.ceil(ids.length / LIST_IDS_MAX))
    }),
    { numRuns: 50 },
  )
})

test('ids that are named already are not named again', () => {
  const lists = new IdLists<ReplicaId>()
  say(lists, range(1, 10))
  assert.equal(say(lists, range(1, 10)), [])
  assert.equal(say(lists, range(8, 12)), [fence(0, ...range(1, 12))])
})

test('one commit names a bounded number of ids, and the next one the rest', () => {
  const lists = new IdLists<ReplicaId>()
  const ids = range(1, 20 * LIST_IDS_MAX)
  assert.is(say(lists, ids).length, 16)
  assert.is(say(lists, ids).length, 4)
  assert.equal(say(lists, ids), [])
})

test('a list that comes shorter forgets nothing', () => {
  const lists = new IdLists<ReplicaId>()
  lists.take(fence(3, 1, 5), 4)
  assert.ok(lists.has(replicaId(5)))
  lists.take(fence(3, 1, 2), 6)
  assert.equal(
    [...lists.lists()].map(list => ({ kind: 'fence', ...list })),
    [fence(3, 1, 2, 5)],
  )
  assert.ok(lists.has(replicaId(2)))
  assert.equal([lists.clockOf(replicaId(5)), lists.clockOf(replicaId(3))], [6, undefined])
})

test('a list that was taken over as it is does not grow', () => {
  const lists = new IdLists<ReplicaId>()
  const adopted = fence(ADOPTED_NUMBER_MIN + 7, 1, 2)
  lists.take(adopted, 1)
  assert.equal(say(lists, range(1, 5)), [fence(0, 3, 4)])
  assert.equal(
    [...lists.lists()].map(list => ({ kind: 'fence', ...list })),
    [adopted, fence(0, 3, 4)],
  )
})

test('of a list that grows in a log one entry is live', () => {
  const log = new ReplicaLog(replicaId(9_999), new Table())
  const writer = new LogWriter(log)
  const lists = new IdLists<ReplicaId>()
  for (let id = 1; id <= LIST_IDS_MAX + 40; id++) {
    writer.append(say(lists, [replicaId(id)]))
    assert.is(log.live.size, id > LIST_IDS_MAX ? 2 : 1)
  }
  const again = new IdLists<ReplicaId>()
  const read = new ReplicaLog(log.id, new Table())
  const verdict = read.check(log.diff(0, 2 ** 20).bytes)
  assert.ok(verdict.verdict === 'new')
  if (verdict.verdict === 'new') {
    read.apply(verdict, entry => {
      if (entry.kind === 'fence') again.take(entry, 1)
    })
  }
  assert.equal([...again.lists()], [...lists.lists()])
  assert.equal(read.digest, log.digest)
})

test.run()
