import fc from 'fast-check'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkMember, entryIdentity, isSlotNext, NO_KNOWN_KEYS, readEntry, readNextSlot } from '../src/entry.js'
import { counterKey, type Entry, hashBytes, type MemberEntry, replicaId, storeId, Table } from '../src/index.js'
import { bytesOf } from './encoded.js'
import { anyEntry, anyKey, anyTotal, throwsCode } from './samples.js'

const test = suite('entry')
const store = storeId('0123456789abcdef0123456789abcdef')
const member: MemberEntry = { kind: 'member', store, name: 'api-1', urls: ['ws://a:1/'], removed: false }

const read = (bytes: Uint8Array, known = NO_KNOWN_KEYS) => readEntry(decoding.createDecoder(bytes), known)

test('what is written is read back, to the last byte', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 5 }), entries => {
      const decoder = decoding.createDecoder(Buffer.concat(entries.map(entry => bytesOf(entry))))
      for (const entry of entries) assert.equal(readEntry(decoder, NO_KNOWN_KEYS), entry)
      assert.not(decoding.hasContent(decoder))
    }),
  )
})

test('two entries have the same bytes only if they say the same', () => {
  fc.assert(
    fc.property(anyEntry, anyEntry, (a, b) => {
      const same = Buffer.compare(bytesOf(a), bytesOf(b)) === 0
      assert.is(same, Buffer.compare(Buffer.from(JSON.stringify(a)), Buffer.from(JSON.stringify(b))) === 0)
    }),
  )
})

test('a slot that is read by the id of its key is the one that is read as an entry, whatever a byte of it became', () => {
  const anySlot = fc.record({ kind: fc.constant('slot' as const), key: anyKey, p: anyTotal, n: anyTotal })
  const anyFlip = fc.option(fc.record({ at: fc.nat(300), to: fc.nat(255) }), { freq: 2 })
  fc.assert(
    fc.property(anySlot, anyFlip, fc.constantFrom(1, 2), fc.boolean(), (slot, flip, version, met) => {
      const bytes = bytesOf(slot, version)
      if (flip) bytes[1 + (flip.at % (bytes.length - 1))] = flip.to
      const table = new Table()
      if (met) table.idOf(slot.key)
      const [byEntry, byId] = [decoding.createDecoder(bytes), decoding.createDecoder(bytes)]
      assert.ok(isSlotNext(byId, version))
      let entry: Entry | undefined
      try {
        entry = readEntry(byEntry, NO_KNOWN_KEYS, version)
      } catch {
        assert.throws(() => readNextSlot(byId, table, () => assert.unreachable('a slot of damaged bytes')))
        return
      }
      readNextSlot(byId, table, (id, p, n, lo, hi) => {
        assert.equal({ kind: 'slot', key: table.keyOf(id), p, n }, entry)
        assert.equal({ lo, hi }, hashBytes(bytes, 0, byEntry.pos))
      })
      assert.is(byId.pos, byEntry.pos)
    }),
  )
})

test('an identity is the key, or what no key can be', () => {
  const key = counterKey('a')
  const slot: Entry = { kind: 'slot', key, p: 1, n: 0 }
  const others: Entry[] = [
    slot,
    { kind: 'adopted', replica: replicaId(1), key, p: 1, n: 0 },
    { kind: 'adopted', replica: replicaId(2), key, p: 1, n: 0 },
    { kind: 'adopted', replica: replicaId(1), key: counterKey('1a'), p: 1, n: 0 },
    { kind: 'adopted', replica: replicaId(11), key, p: 1, n: 0 },
    member,
    { ...member, store: storeId('f'.repeat(32)) },
    { kind: 'fork', replica: replicaId(1) },
    { kind: 'fork', replica: replicaId(2) },
  ]
  assert.is(new Set(others.map(entryIdentity)).size, others.length)
  assert.is(entryIdentity({ ...slot, p: 5, n: 7 }), entryIdentity(slot))
  assert.is(entryIdentity({ ...member, name: 'b', removed: true }), entryIdentity(member))
  for (const other of others.slice(1)) assert.match(entryIdentity(other), /^\p{Cc}/u)
})

test('a known key needs no check', () => {
  const table = new Table()
  table.idOf(counterKey('orders', { region: 'eu' }))
  const bytes = bytesOf({ kind: 'slot', key: counterKey('orders', { region: 'eu' }), p: 1, n: 2 })
  const entry = read(bytes, table)
  assert.is(entry.kind === 'slot' && entry.key, table.keyOf(0))
})

test('an unknown kind or flag is of a newer version; a key that is not canonical is damage', () => {
  for (let kind = 4; kind < 256; kind++) throwsCode(() => read(Uint8Array.of(kind, 0, 0, 0)), 'BATCH_UNSUPPORTED')
  const flagged = bytesOf(member)
  for (let flags = 2; flags < 256; flags++) {
    flagged[17] = flags
    throwsCode(() => read(flagged), 'BATCH_UNSUPPORTED')
  }
  for (const text of ['a{b="x",a="y"}', 'a\\b']) {
    const encoder = encoding.createEncoder()
    encoding.writeUint8(encoder, 0)
    encoding.writeVarString(encoder, text)
    encoding.writeUint16(encoder, 0)
    throwsCode(() => read(encoding.toUint8Array(encoder)), 'BATCH_DAMAGED')
  }
})

test('a total past 2^53 - 1, an id of 0 and a missing entry are errors, never numbers', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
  assert.throws(() => read(Uint8Array.of(0, 1, 97, ...huge, 0)), /2\^53/)
  assert.throws(() => read(Uint8Array.of(0, 1, 97, 0, ...huge)), /2\^53/)
  assert.throws(() => read(Uint8Array.of(0, 1, 97, ...new Array(160).fill(0x80), 1, 0)), /2\^53/)
  assert.throws(() => read(Uint8Array.of(3, 0)), /replica id/)
  assert.throws(() => read(Uint8Array.of()), /not there/)
})

test('every truncation of an entry is an error', () => {
  fc.assert(
    fc.property(anyEntry, entry => {
      const bytes = bytesOf(entry)
      for (let length = 0; length < bytes.length; length++) assert.throws(() => read(bytes.slice(0, length)))
    }),
    { numRuns: 30 },
  )
})

test('a member record that no reader takes is refused before it is written', () => {
  const refused = (change: Partial<MemberEntry>) =>
    throwsCode(() => checkMember({ ...member, ...change }), 'INVALID_NAME')
  assert.is(checkMember(member), member)
  refused({ name: '' })
  refused({ name: 'a\u001b[31m' })
  refused({ urls: ['ws://a\n'] })
  refused({ urls: ['u'.repeat(1025)] })
  assert.match(refused({ urls: new Array(9).fill('ws://a:1/') }).message, 'has 9')
  for (const change of [{ name: 'a\u001b[31m' }, { urls: new Array(9).fill('ws://a:1/') }]) {
    assert.throws(() => read(bytesOf({ ...member, ...change })))
  }
})

test.run()
