import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BATCH_BYTES_MAX,
  BATCH_ENTRIES_MAX,
  type BatchFrame,
  type BatchVersion,
  batchChecksum,
  countEntries,
  decodeBatch,
  encodeBatch,
  type HashedEntry,
  type Pack,
} from '../src/batch.js'
import { NO_KNOWN_KEYS } from '../src/entry.js'
import { counterKey, crc32, Digest, type Entry, hashBytes } from '../src/index.js'
import { bytesOf, packEntries } from './encoded.js'
import { anyEntry, throwsCode } from './samples.js'

const test = suite('batch')

const uint32 = fc.nat(0xffffffff)
const anyFrame: fc.Arbitrary<BatchFrame> = fc
  .tuple(uint32, uint32, fc.maxSafeNat(), uint32, uint32)
  .map(([previous, salt, head, lo, hi]) => ({ previous, salt, head, digest: digestOf(lo, hi) }))
const anyBatch = fc
  .tuple(anyFrame, fc.array(anyEntry, { minLength: 1, maxLength: 6 }))
  .map(([frame, entries]) => ({ frame, entries, bytes: encode(frame, entries) }))

function digestOf(lo: number, hi: number): Digest {
  const digest = new Digest()
  digest.add(lo, hi)
  return digest
}

function encode(frame: BatchFrame, entries: readonly Entry[]): Uint8Array {
  const packs = packEntries(entries)
  assert.is(packs.length, 1)
  return encodeBatch(frame, packs[0] as (typeof packs)[number])
}

function hashed(entry: Entry): HashedEntry {
  return { entry, ...hashBytes(bytesOf(entry)) }
}

const decode = (bytes: Uint8Array) => decodeBatch(bytes, NO_KNOWN_KEYS)

function slotPack(version: BatchVersion): Pack {
  return packEntries([{ kind: 'slot', key: counterKey('orders'), p: 3, n: 0 }], version)[0] as Pack
}

/** A batch around any body, with a checksum that holds. */
function forge(body: readonly number[], version = 1): Uint8Array {
  const bytes = Uint8Array.of(0x54, version, ...new Array(8).fill(0), ...body, ...new Array(12).fill(0))
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32(bytes, 0, bytes.length - 4), true)
  return bytes
}

test('what is encoded is read back, with the hashes of its entries', () => {
  fc.assert(
    fc.property(anyBatch, ({ frame, entries, bytes }) => {
      const batch = decode(bytes)
      const { previous, salt, head, digest } = batch
      assert.equal({ previous, salt, head, digest }, frame)
      assert.equal(batch.entries, entries.map(hashed))
      assert.is(batch.checksum, batchChecksum(bytes))
      assert.is(countEntries(bytes), entries.length)
      const inside = Uint8Array.of(1, 2, 3, ...bytes, 4).subarray(3, 3 + bytes.length)
      assert.equal(decode(inside), batch)
    }),
  )
})

test('a hash is taken over the bytes of its entry alone', () => {
  const entry: Entry = { kind: 'slot', key: counterKey('a'), p: 300, n: 0 }
  const bytes = Uint8Array.of(0, 1, 97, 0xac, 2, 0)
  const other: Entry = { ...entry, key: counterKey('other') }
  const batch = decode(encode({ previous: 0, salt: 0, head: 0, digest: new Digest() }, [other, entry]))
  assert.equal(batch.entries[1], { entry, ...hashBytes(bytes) })
})

test('every truncation is refused', () => {
  fc.assert(
    fc.property(anyBatch, ({ bytes }) => {
      for (let length = 0; length < bytes.length; length++) {
        throwsCode(() => decode(bytes.slice(0, length)), 'BATCH_DAMAGED')
        throwsCode(() => decode(bytes.subarray(0, length)), 'BATCH_DAMAGED')
        throwsCode(() => decode(bytes.subarray(bytes.length - length)), 'BATCH_DAMAGED')
      }
    }),
    { numRuns: 30 },
  )
})

test('every flip of a bit is refused', () => {
  fc.assert(
    fc.property(anyBatch, ({ bytes }) => {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
        throwsCode(() => decode(bytes), 'BATCH_DAMAGED')
        bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
      }
      decode(bytes)
    }),
    { numRuns: 30 },
  )
})

test('an unknown version or kind, whole otherwise, is of a newer version', () => {
  for (let version = 0; version < 256; version++) {
    if (version >= 1 && version <= 3) continue
    assert.match(throwsCode(() => decode(forge([0, 0], version)), 'BATCH_UNSUPPORTED').message, `version ${version}`)
  }
  for (let kind = 4; kind < 256; kind++) {
    assert.match(throwsCode(() => decode(forge([0, 1, kind])), 'BATCH_UNSUPPORTED').message, `kind ${kind}`)
  }
})

test('version 2 leaves out decrements that are none, and what it takes is read back', () => {
  fc.assert(
    fc.property(anyBatch, ({ frame, entries }) => {
      const [old] = packEntries(entries)
      const [pack] = packEntries(entries, 2)
      if (!old || !pack) return
      const batch = decode(encodeBatch(frame, pack))
      const packed = entries.slice(0, pack.count)
      assert.equal(
        batch.entries.map(({ entry }) => entry),
        packed,
      )
      const shorter = packed.filter(entry => entry.kind === 'slot' && entry.n === 0).length
      if (old.count === pack.count) assert.is(pack.bytes.length, old.bytes.length - shorter)
    }),
  )
  assert.is(
    decode(encodeBatch({ previous: 0, salt: 0, head: 0, digest: new Digest() }, slotPack(2)))?.entries.length,
    1,
  )
  assert.throws(() => decode(forge([0, 1, 4, 1, 97, 3])), /kind 4/)
})

test('what passes the checksum and breaks the format is refused as damage', () => {
  const slot = [0, 1, 97, 1, 0]
  decode(forge([0, 1, ...slot]))
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
  const notANumber = [...new Array(160).fill(0x80), 1]
  const bodies = {
    'a count too small': [0, 0, ...slot],
    'a count too large': [0, 2, ...slot],
    'too many entries': [0, 0x81, 8, ...slot],
    'a head past 2^53': [...huge, 1, ...slot],
    'a head that is no number': [...notANumber, 1, ...slot],
    'a count that is no number': [0, ...notANumber, ...slot],
    'a total past 2^53': [0, 1, 0, 1, 97, ...huge, 0],
    'a total that is no number': [0, 1, 0, 1, 97, ...notANumber, 0],
    'a text longer than the batch': [0, 1, 0, 100, 97, 1, 0],
    'a text of no length': [0, 1, 0, ...notANumber, 97, 1, 0],
    'a text that is not UTF-8': [0, 1, 0, 1, 0xff, 1, 0],
    'a surrogate in UTF-8': [0, 1, 0, 3, 0xed, 0xa0, 0x80, 1, 0],
    'an empty key': [0, 1, 0, 0, 1, 0],
    'a key with a control character': [0, 1, 0, 1, 10, 1, 0],
    'a key that is not canonical': [0, 1, 0, 3, 97, 92, 98, 1, 0],
    'an id of 0': [0, 1, 3, 0],
    'no body': [],
  }
  for (const [what, body] of Object.entries(bodies)) {
    assert.is(throwsCode(() => decode(forge(body)), 'BATCH_DAMAGED').code, 'BATCH_DAMAGED', what)
  }
})

test('any body is read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60, size: 'max' }), body => {
      try {
        for (const { entry } of decode(forge([...body])).entries) {
          if (entry.kind !== 'slot' && entry.kind !== 'adopted') continue
          assert.ok(Number.isSafeInteger(entry.p) && Number.isSafeInteger(entry.n))
        }
      } catch (error) {
        throwsCode(
          () => {
            throw error
          },
          'BATCH_DAMAGED',
          'BATCH_UNSUPPORTED',
        )
      }
    }),
    { numRuns: 3000 },
  )
})

test('what is not bytes is refused', () => {
  for (const other of [undefined, null, 7, 'a'.repeat(40), {}, new Array(40).fill(0), new ArrayBuffer(40)]) {
    throwsCode(() => decode(other as Uint8Array), 'BATCH_DAMAGED')
  }
})

test('packs hold all entries in order, within the limits of a batch', () => {
  const anyCount = fc.integer({ min: 0, max: 3000 })
  fc.assert(
    fc.property(anyCount, fc.integer({ min: 1, max: 250 }), (count, width) => {
      const entries = Array.from({ length: count }, (_, i): Entry => {
        return { kind: 'slot', key: counterKey(`${i}${'x'.repeat(i % width)}`), p: i, n: Number.MAX_SAFE_INTEGER }
      })
      const packs = packEntries(entries)
      const read: HashedEntry[] = []
      const frame = { previous: 0, salt: 0, head: Number.MAX_SAFE_INTEGER, digest: new Digest() }
      for (const pack of packs) {
        // One of nothing stands for no entries at all.
        assert.ok((pack.count > 0 || count === 0) && pack.count <= BATCH_ENTRIES_MAX)
        const bytes = encodeBatch(frame, pack)
        assert.ok(bytes.length <= BATCH_BYTES_MAX)
        read.push(...decode(bytes).entries)
      }
      assert.equal(read, entries.map(hashed))
      // Few packs: none could take the first entry of the next one.
      for (let i = 1; i < packs.length; i++) {
        const before = packs[i - 1]
        const full = before?.count === BATCH_ENTRIES_MAX
        assert.ok(full || (before?.bytes.length ?? 0) > BATCH_BYTES_MAX - 600)
      }
    }),
    { numRuns: 12 },
  )
})

test('the longest entry that the rules allow fits a batch', () => {
  const value = '\\'.repeat(256)
  const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`${'l'.repeat(62)}${10 + i}`, value]))
  const entries: Entry[] = [{ kind: 'slot', key: counterKey(value, labels), p: 0, n: 0 }]
  const bytes = encode({ previous: 0, salt: 0, head: 0, digest: new Digest() }, entries)
  assert.ok(bytes.length < BATCH_BYTES_MAX / 4)
  assert.is(decode(bytes).entries.length, 1)
})

test('a batch longer than the limit is refused', () => {
  const encoder = encoding.createEncoder()
  encoding.writeUint8Array(encoder, new Uint8Array(BATCH_BYTES_MAX))
  throwsCode(() => decode(forge([...encoding.toUint8Array(encoder)])), 'BATCH_DAMAGED')
})

test.run()
