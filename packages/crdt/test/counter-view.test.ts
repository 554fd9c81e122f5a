import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  type CounterKey,
  CounterView,
  counterKey,
  type Entry,
  hashCounts,
  logRoot,
  operationId,
  readCounters,
  replicaId,
  Table,
} from '../src/index.js'
import { Source } from './log-samples.js'
import { throwsCode } from './samples.js'

const test = suite('counter-view')

const anyWork = fc.array(fc.tuple(fc.nat(2), fc.nat(5)), { minLength: 1, maxLength: 150, size: 'max' })

function room(work: ReadonlyArray<readonly [number, number]>): Source[] {
  const sources = [1, 2, 2 ** 52].map(id => new Source(replicaId(id)))
  for (const [source, key] of work) sources[source]?.count('hot', `key-${key}`)
  return sources
}

function expectedOf(sources: readonly Source[]): Table {
  const table = new Table()
  for (const source of sources) {
    for (const { key, p, n } of source.table.slotsOf(source.id)) table.merge(source.id, table.idOf(key), p, n)
  }
  return table
}

test('a composed document gives the totals of its logs, whatever order their updates came in', () => {
  fc.assert(
    fc.property(anyWork, fc.infiniteStream(fc.nat()), (work, random) => {
      const sources = room(work)
      const expected = expectedOf(sources)
      const updates = sources
        .flatMap(({ updates }) => updates)
        .map(bytes => ({ bytes, at: random.next().value ?? 0 }))
        .sort((a, b) => a.at - b.at)
      const doc = new Y.Doc()
      const view = new CounterView(doc)
      const changed = new Map<CounterKey, number>()
      view.onChange(keys => {
        for (const key of keys) {
          assert.ok(view.value(key) >= (changed.get(key) ?? 0), 'a value fell')
          changed.set(key, view.value(key))
        }
      })
      for (const { bytes } of updates) Y.applyUpdate(doc, bytes)
      assert.ok(readCounters(doc).equals(expected))
      for (const { table } of [view, new CounterView(doc)]) assert.ok(table.equals(expected))
      assert.equal(
        [...view.counters()],
        expected.keys().map(key => [key, expected.value(expected.idOf(key))]),
      )
      for (const [key, value] of changed) assert.is(view.value(key), value)
      assert.is(changed.size, expected.size)

      // A client that comes late gets one update, with collected heads.
      const late = new Y.Doc()
      const lateView = new CounterView(late)
      Y.applyUpdate(late, Y.encodeStateAsUpdate(doc))
      assert.ok(lateView.table.equals(expected) && readCounters(late).equals(expected))
    }),
    { numRuns: 40 },
  )
})

test('a view reads what catches up in diffs', () => {
  const [source] = room(Array.from({ length: 300 }, (_, i) => [0, i % 6] as const))
  assert.ok(source)
  const doc = new Y.Doc()
  const view = new CounterView(doc)
  for (let clock = 0; clock < source.log.clock; ) {
    const { bytes, end } = source.log.diff(clock, 300)
    Y.applyUpdate(doc, bytes)
    clock = end
  }
  assert.ok(view.table.equals(source.table))
})

test('a view stops when it is told to, as a listener does', () => {
  const source = new Source()
  const doc = new Y.Doc()
  const view = new CounterView(doc)
  let calls = 0
  const stop = view.onChange(() => calls++)
  Y.applyUpdate(doc, source.count('a').bytes)
  stop()
  Y.applyUpdate(doc, source.count('a').bytes)
  assert.equal([calls, view.value(counterKey('a'))], [1, 2])
  view.destroy()
  Y.applyUpdate(doc, source.count('a').bytes)
  assert.is(view.value(counterKey('a')), 2)
  assert.is(view.value(counterKey('never counted')), 0)
})

test('counters come by prefix, in key order', () => {
  const source = new Source()
  source.count('b', 'a2', 'a1', '__proto__')
  const view = new CounterView(source.log.doc)
  assert.equal(
    [...view.counters('a')],
    [
      ['a1', 1],
      ['a2', 1],
    ],
  )
  assert.is(view.value(counterKey('__proto__')), 1)
})

test('a value past what a number holds is refused where it is asked for, and only there', () => {
  const doc = new Y.Doc()
  for (const id of [1, 2]) {
    const source = new Source(replicaId(id))
    Y.applyUpdate(doc, source.commit([source.plus('big', Number.MAX_SAFE_INTEGER), source.plus('small')]).bytes)
  }
  const view = new CounterView(doc)
  throwsCode(() => view.value(counterKey('big')), 'VALUE_UNSAFE')
  assert.is(view.value(counterKey('small')), 2)
  const less = new Source(replicaId(3))
  const key = counterKey('big')
  Y.applyUpdate(doc, less.commit([{ kind: 'slot', key, p: 0, n: Number.MAX_SAFE_INTEGER }]).bytes)
  assert.is(view.value(key), Number.MAX_SAFE_INTEGER)
})

test('other roots are left alone', () => {
  const source = new Source()
  const { doc } = source.log
  source.count('a')
  doc.clientID = 9
  doc.getMap('notes').set('log/1', 'text')
  doc.getArray('log/x').push(['text'])
  assert.is(readCounters(doc).size, 1)
  assert.is(new CounterView(doc).table.size, 1)
})

test('a damaged element is said, at each update, and hides no other log', () => {
  const bad = replicaId(5)
  for (const element of ['text', 7, Uint8Array.of(1, 2, 3), { a: 1 }, null]) {
    const doc = new Y.Doc()
    doc.clientID = bad
    const view = new CounterView(doc)
    let changed: ReadonlySet<CounterKey> = new Set()
    view.onChange(keys => {
      changed = keys
    })
    throwsCode(() => doc.getArray(logRoot(bad)).push([element]), 'BATCH_DAMAGED')
    throwsCode(() => readCounters(doc), 'BATCH_DAMAGED')
    throwsCode(() => new CounterView(doc), 'BATCH_DAMAGED')
    const good = new Source(replicaId(6))
    throwsCode(() => Y.applyUpdate(doc, good.count('a').bytes), 'BATCH_DAMAGED')
    assert.is(view.value(counterKey('a')), 1)
    assert.equal([...changed], ['a'])
  }
})

test('a newer format is said as such', () => {
  const doc = new Y.Doc()
  doc.clientID = 5
  const source = new Source(replicaId(5))
  source.count('a')
  const newer = source.log.element(0).slice()
  newer[1] = 2
  doc.getArray(logRoot(replicaId(5))).push([newer])
  // Its checksum does not hold with the other version, as it would in a batch of that version.
  throwsCode(() => readCounters(doc), 'BATCH_DAMAGED')
})

test('operations count once in a view, before and after they settle, and for who comes late', () => {
  const key = counterKey('paid')
  const counts = [{ key, p: 5, n: 0 }]
  const id = operationId('01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')
  const [a, b] = [new Source(replicaId(1)), new Source(replicaId(2))]
  const doc = new Y.Doc()
  const view = new CounterView(doc)
  const says = (source: Source, ...entries: Entry[]): number => {
    Y.applyUpdate(doc, source.commit(entries).bytes)
    return view.value(key)
  }
  assert.is(says(a, { kind: 'operation', id, counts }), 5)
  assert.is(says(b, { kind: 'operation', id, counts }), 5)
  const settled: Entry = { kind: 'settlement', number: 1, operations: [{ id, ...hashCounts(counts) }] }
  assert.is(says(a, { kind: 'absorbed', key, p: 5, n: 0 }, settled), 5)
  assert.is(says(b, { kind: 'requires', log: a.id, clock: 2 }, { kind: 'drop', of: { operation: id } }), 5)
  assert.is(says(a, { kind: 'requires', log: b.id, clock: 2 }, { kind: 'drop', of: { settlement: 1 } }), 5)
  assert.is(readCounters(doc).value(readCounters(doc).idOf(key)), 5)
  for (let round = 0; round < 200; round++) says(b, b.plus(`other-${round % 3}`))
  const late = new Y.Doc()
  const lateView = new CounterView(late)
  Y.applyUpdate(late, Y.encodeStateAsUpdate(doc))
  assert.is(lateView.value(key), 5)
})

test.run()
