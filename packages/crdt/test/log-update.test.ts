import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { decodeLogUpdate, logRoot, replicaId, rootLog } from '../src/index.js'
import { encodeLogUpdate, type LogUpdate } from '../src/log-update.js'
import { anyReplica, throwsCode } from './samples.js'

const test = suite('log-update')
const LOG = replicaId(77)
const CLOCK_MAX = 2 ** 48

const anyElements = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 })
const anyRange = fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 1000 })).map(([from, n]) => ({ from, to: from + n }))
const anyUpdate: fc.Arbitrary<LogUpdate> = fc
  .tuple(fc.oneof(fc.nat(10), fc.nat(CLOCK_MAX)), fc.nat(9), anyElements, fc.option(anyRange, { nil: undefined }))
  .map(([clock, deleted, elements, deletes]) =>
    deleted + elements.length === 0
      ? { clock: 0, deletedTo: 0, elements, deletes }
      : { clock, deletedTo: clock + deleted, elements, deletes },
  )

const refused = (bytes: Uint8Array, what = '') =>
  assert.match(throwsCode(() => decodeLogUpdate(LOG, bytes), 'UPDATE_REFUSED').message, what)

/** An update from raw numbers (varints), texts and bytes. */
function raw(...parts: Array<number | string | Uint8Array>): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part)
    else if (typeof part === 'string') encoding.writeVarString(encoder, part)
    else encoding.writeUint8Array(encoder, part)
  }
  return encoding.toUint8Array(encoder)
}

test('what is encoded is read back', () => {
  fc.assert(
    fc.property(anyReplica, anyUpdate, (log, update) => {
      assert.equal(decodeLogUpdate(log, encodeLogUpdate(log, update)), update)
    }),
    { numRuns: 500 },
  )
})

test('a root array is named by its replica id, in one way', () => {
  fc.assert(
    fc.property(anyReplica, log => {
      assert.is(rootLog(logRoot(log)), log)
    }),
  )
  for (const root of [
    '',
    'log/',
    'log/0',
    'log/01',
    'log/9007199254740992',
    'log/1 ',
    ' log/1',
    'log/1e3',
    'log/1\n',
  ]) {
    assert.is(rootLog(root), undefined, root)
  }
})

test('Yjs applies what is encoded, and holds the elements', () => {
  fc.assert(
    fc.property(
      fc.array(anyElements, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat(20)),
      (runs, random) => {
        const doc = new Y.Doc()
        const all: Uint8Array[] = []
        let head = 0
        for (const elements of runs) {
          const to = Math.min(head + ((random.next().value ?? 0) % 4), all.length)
          const deletes = to > head ? { from: head, to } : undefined
          const clock = all.length
          if (elements.length === 0 && !deletes) continue
          const update = { clock, deletedTo: clock, elements, deletes }
          Y.applyUpdate(doc, encodeLogUpdate(LOG, update))
          all.push(...elements)
          head = to
        }
        assert.equal(doc.getArray(logRoot(LOG)).toArray(), all.slice(head))
        assert.is(Y.getState(doc.store, LOG), all.length)
        assert.is(doc.store.pendingStructs, null)
        assert.is(doc.store.pendingDs, null)
      },
    ),
  )
})

test('what Yjs itself makes of pushes and deletions of a prefix is read as it was meant', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyElements, fc.nat(4)), { minLength: 1, maxLength: 6 }), commits => {
      const doc = new Y.Doc()
      doc.clientID = LOG
      const array = doc.getArray<Uint8Array>(logRoot(LOG))
      const updates: Uint8Array[] = []
      doc.on('update', bytes => updates.push(bytes))
      const expected: LogUpdate[] = []
      let clock = 0
      for (const [elements, wanted] of commits) {
        const from = clock - array.length
        const to = Math.min(from + wanted, clock)
        if (elements.length === 0 && to === from) continue
        doc.transact(() => {
          if (elements.length > 0) array.push(elements)
          if (to > from) array.delete(0, to - from)
        })
        const deletes = to > from ? { from, to } : undefined
        const start = elements.length > 0 ? clock : 0
        expected.push({ clock: start, deletedTo: start, elements, deletes })
        clock += elements.length
      }
      assert.equal(
        updates.map(bytes => decodeLogUpdate(LOG, bytes)),
        expected,
      )
      // Encoding it again gives the very bytes of Yjs.
      assert.equal(
        expected.map(update => encodeLogUpdate(LOG, update)),
        updates,
      )
    }),
  )
})

test('a deleted run and what follows it are applied by Yjs as deleted elements', () => {
  const doc = new Y.Doc()
  const elements = [Uint8Array.of(1), Uint8Array.of(2)]
  Y.applyUpdate(doc, encodeLogUpdate(LOG, { clock: 0, deletedTo: 5, elements, deletes: { from: 0, to: 5 } }))
  assert.equal(doc.getArray(logRoot(LOG)).toArray(), elements)
  assert.is(Y.getState(doc.store, LOG), 7)
  assert.is(doc.store.clients.get(LOG)?.length, 3)
})

test('what Yjs makes of anything else is refused', () => {
  type Write = (array: Y.Array<unknown>) => void
  const madeBy = (write: (doc: Y.Doc) => void, prepare?: (doc: Y.Doc) => void) => {
    const doc = new Y.Doc()
    doc.clientID = LOG
    prepare?.(doc)
    const before = Y.encodeStateVector(doc)
    write(doc)
    return Y.encodeStateAsUpdate(doc, before)
  }
  const inArray = (write: Write) => (doc: Y.Doc) => write(doc.getArray(logRoot(LOG)))
  const made = (write: Write, prepare: Write = () => {}) => madeBy(inArray(write), inArray(prepare))
  const bytes = Uint8Array.of(1)
  refused(
    madeBy(doc => doc.getArray('log/78').push([bytes])),
    'outside the root array',
  )
  refused(
    madeBy(doc => doc.getMap(logRoot(LOG)).set('key', bytes)),
    'a map key',
  )
  refused(
    made(array => array.push([new Y.Map()])),
    'kind 7',
  )
  refused(
    made(array => array.push([new Y.Array()])),
    'kind 7',
  )
  refused(
    made(array => array.push(['text'])),
    'kind 8',
  )
  refused(
    made(array => array.push([1, null])),
    'kind 8',
  )
  refused(
    madeBy(doc => doc.getText(logRoot(LOG)).insert(0, 'text')),
    'kind 4',
  )
  const three: Write = array => array.push([bytes, bytes, bytes])
  refused(
    made(array => array.insert(0, [bytes]), three),
    'does not follow',
  )
  refused(
    made(array => array.insert(1, [bytes]), three),
    'does not follow',
  )
  assert.equal(
    decodeLogUpdate(
      LOG,
      made(array => array.delete(0, 2), three),
    ).deletes,
    { from: 0, to: 2 },
  )
  const state = new Y.Doc()
  state.clientID = LOG
  inArray(three)(state)
  inArray(array => array.delete(0, 2))(state)
  const held = { clock: 0, deletedTo: 2, elements: [bytes], deletes: { from: 0, to: 2 } }
  assert.equal(decodeLogUpdate(LOG, Y.encodeStateAsUpdate(state)), held)
  const stranger = new Y.Doc()
  stranger.clientID = 5
  stranger.getArray(logRoot(LOG)).push([bytes])
  refused(Y.encodeStateAsUpdate(stranger), 'client 5')
  stranger.clientID = LOG
  stranger.getArray(logRoot(LOG)).push([bytes])
  refused(Y.encodeStateAsUpdate(stranger), '2 clients')
})

test('hostile bytes are refused, each for what it is', () => {
  const start = [1, 1, LOG] as const
  const first = Uint8Array.of(3)
  const skip = Uint8Array.of(10)
  const root = [1, 'log/77'] as const
  const element = Uint8Array.of(1, 9)
  assert.equal(decodeLogUpdate(LOG, raw(...start, 0, first, ...root, element, 0)).elements, [Uint8Array.of(9)])
  const cases: Array<[string, Uint8Array]> = [
    ['structs of 2 clients', raw(2, 1, LOG, 0, first, ...root, element, 0)],
    ['structs of client 78', raw(1, 1, 78, 0, first, ...root, element, 0)],
    ['an empty run', raw(1, 0, LOG, 0, 0)],
    ['the clock', raw(...start, CLOCK_MAX + 1, Uint8Array.of(0x83), LOG, CLOCK_MAX, element, 0)],
    ['origin', raw(...start, 5, Uint8Array.of(0x83), LOG, 3, element, 0)],
    ['origin', raw(...start, 5, Uint8Array.of(0x83), 78, 4, element, 0)],
    ['does not follow', raw(...start, 5, Uint8Array.of(0xc3), LOG, 4, LOG, 5, element, 0)],
    ['does not follow', raw(...start, 5, Uint8Array.of(0x43), LOG, 4, element, 0)],
    ['does not follow', raw(...start, 5, Uint8Array.of(0xa3), LOG, 4, element, 0)],
    ['does not follow', raw(...start, 5, Uint8Array.of(0), 3, 0)],
    ['does not follow', raw(...start, 5, skip, 3, 0)],
    ['origin or a map key', raw(...start, 0, Uint8Array.of(0x23), ...root, 'key', element, 0)],
    ['outside the root', raw(...start, 0, first, 1, 'log/78', element, 0)],
    ['outside the root', raw(...start, 0, first, 0, LOG, 0, element, 0)],
    ['outside the root', raw(...start, 0, Uint8Array.of(0), 3, 0)],
    ['kind 0', raw(...start, 0, Uint8Array.of(0), ...root, 3, 0)],
    ['kind 10', raw(...start, 0, skip, ...root, 3, 0)],
    ['kind 1', raw(1, 2, LOG, 0, first, ...root, element, Uint8Array.of(0x81), LOG, 0, 3, 0)],
    ['an empty deletion', raw(...start, 0, Uint8Array.of(1), ...root, 0, 0)],
    ['the clock', raw(...start, 0, Uint8Array.of(1), ...root, CLOCK_MAX + 1, 0)],
    ['bytes after its end', raw(...start, 0, first, ...root, element, 0, 0)],
    ['deletions in logs of 2', raw(0, 2, LOG, 1, 0, 1, 78, 1, 0, 1)],
    ['client 78', raw(0, 1, 78, 1, 0, 1)],
    ['2 ranges', raw(0, 1, LOG, 2, 0, 1, 3, 1)],
    ['0 ranges', raw(0, 1, LOG, 0)],
    ['an empty deletion', raw(0, 1, LOG, 1, 0, 0)],
    ['the clock', raw(0, 1, LOG, 1, 0, CLOCK_MAX + 1)],
    ['the clock', raw(0, 1, LOG, 1, CLOCK_MAX + 1, 1)],
    ['does not follow', raw(1, Number.MAX_SAFE_INTEGER, LOG, 0, first, ...root, element)],
    ['does not follow', raw(1, Number.MAX_SAFE_INTEGER, LOG, 0, first, ...root, element, 0, 0, 0)],
    ['ends too early', raw(...start, 0, first, ...root, Number.MAX_SAFE_INTEGER, element, 0)],
    ['ends too early', raw()],
  ]
  // A length that lib0 reads as NaN passes every comparison.
  const notANumber = Uint8Array.from([...new Array(160).fill(0x80), 1])
  cases.push(['ends too early', raw(0, 1, LOG, 1, 0, notANumber)])
  cases.push(['ends too early', raw(...start, notANumber, first, ...root, element, 0)])
  cases.push(['ends too early', raw(...start, 0, Uint8Array.of(1), ...root, notANumber, 0)])
  for (const [what, bytes] of cases) refused(bytes, what)
})

test('an element never reaches past the update into the buffer that holds it', () => {
  const update = encodeLogUpdate(LOG, {
    clock: 0,
    deletedTo: 0,
    elements: [Uint8Array.of(1, 2, 3)],
    deletes: undefined,
  })
  const buffer = Uint8Array.of(...update, ...update)
  for (let length = 0; length < update.length; length++) refused(buffer.subarray(0, length))
})

test('random garbage is refused, or is a log update; quickly', () => {
  const anyGarbage = fc.oneof(
    fc.uint8Array({ maxLength: 2048, size: 'max' }),
    fc.tuple(anyUpdate, fc.nat(), fc.nat(255)).map(([update, at, byte]) => {
      const bytes = encodeLogUpdate(LOG, update)
      bytes[at % bytes.length] = byte
      return bytes
    }),
  )
  fc.assert(
    fc.property(anyGarbage, bytes => {
      let update: LogUpdate
      try {
        update = decodeLogUpdate(LOG, bytes)
      } catch (error) {
        throwsCode(() => {
          throw error
        }, 'UPDATE_REFUSED')
        return
      }
      assert.ok(update.clock <= update.deletedTo && Number.isSafeInteger(update.deletedTo + update.elements.length))
      assert.ok(!update.deletes || update.deletes.from < update.deletes.to)
      assert.equal(decodeLogUpdate(LOG, encodeLogUpdate(LOG, update)), update)
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 5000 },
  )
})

test.run()
