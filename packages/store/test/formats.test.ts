import { replicaId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyEncoding } from 'y-leveldb'
import { crc32c, unmaskCrc } from '../src/crc32c.js'
import { readLevelLog } from '../src/level-log.js'
import { checkTable } from '../src/level-table.js'
import { documentName, HEAD, parseRecordKey, recordKey } from '../src/record-key.js'
import { expandSnappy } from '../src/snappy.js'
import { readVersion } from '../src/version-edit.js'

const test = suite('the formats of LevelDB')

test('CRC-32C of the known examples', () => {
  // RFC 3720, section B.4.
  assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  assert.is(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.is(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e)
  assert.is(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.is(unmaskCrc(mask(0xe3069283)), 0xe3069283)
})

test('Snappy: literals, copies of every kind, and what breaks the format', () => {
  const expand = (...block: (number | string)[]) =>
    Buffer.from(
      expandSnappy(Buffer.concat(block.map(part => Buffer.from(typeof part === 'string' ? part : [part]))), 1000),
    ).toString()
  assert.is(expand(3, 0x08, 'abc'), 'abc')
  assert.is(expand(70, 60 << 2, 63, 'x'.repeat(64), (5 << 2) | 2, 1, 0), 'x'.repeat(70))
  assert.is(expand(9, 0x08, 'abc', 0x09, 3), 'abcabcabc')
  assert.is(expand(8, 0x08, 'abc', (4 << 2) | 3, 3, 0, 0, 0), 'abcabcab')
  assert.is(expand(66, 61 << 2, 65, 0, 'y'.repeat(66)), 'y'.repeat(66))
  for (const [bad, message] of [
    [[200, 100], /too large/],
    [[2, 0x08, 'abc'], /longer/],
    [[4, 0x08, 'abc'], /shorter/],
    [[9, 0x08, 'abc', 0x09, 4], /leaves its block/],
    [[3, 0x08, 'ab'], /too early/],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], /too large/],
  ] as [(number | string)[], RegExp][]) {
    assert.throws(() => expand(...bad), message)
  }
})

function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

function fragment(type: number, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(7 + data.length)
  bytes.writeUInt16LE(data.length, 4)
  bytes[6] = type
  bytes.set(data, 7)
  bytes.writeUInt32LE(mask(crc32c(bytes, 6)), 0)
  return bytes
}

test('a log: records in fragments, torn ends, and what is out of place', () => {
  const whole = fragment(1, Buffer.from('one'))
  const first = fragment(2, Buffer.alloc(32768 - whole.length - 7 - 3, 1))
  const last = fragment(4, Buffer.from('end'))
  const log = Buffer.concat([whole, first, Buffer.alloc(3), last])
  assert.equal(
    readLevelLog(log).records.map(record => record.length),
    [3, first.length - 7 + 3],
  )
  const torn = readLevelLog(log.subarray(0, 32768))
  assert.equal([torn.torn, torn.records.length, torn.damage], [true, 1, undefined])
  assert.is(readLevelLog(log.subarray(0, 4)).torn, true)
  assert.is(readLevelLog(Buffer.concat([whole, Buffer.alloc(100)])).torn, true)
  assert.match(readLevelLog(Buffer.concat([Buffer.alloc(10), whole])).damage ?? '', /replaced by zeros at 0/)
  assert.match(readLevelLog(last).damage ?? '', /out of place/)
  assert.match(readLevelLog(Buffer.concat([fragment(2, Buffer.from('a')), whole])).damage ?? '', /out of place/)
  assert.match(readLevelLog(fragment(9, Buffer.from('a'))).damage ?? '', /unknown type 9/)
  const long = Buffer.from(whole)
  long.writeUInt16LE(40_000, 4)
  assert.match(readLevelLog(long).damage ?? '', /length of the record at byte 0/)
  long.writeUInt16LE(300, 4)
  assert.match(readLevelLog(long).damage ?? '', /length of the last record/)
})

test('a manifest record that breaks the format is refused', () => {
  assert.throws(() => readVersion([Buffer.from([42])]), /unknown tag 42/)
  assert.throws(() => readVersion([Buffer.from([1, 9, 1])]), /too early/)
})

test('a table that is none is unusable', () => {
  assert.equal(checkTable(Buffer.alloc(10)), ['its index cannot be read (it is no table)'])
  assert.is(checkTable(Buffer.alloc(100)).length, 1)
})

test('record keys roll to a new document long before 2^32', () => {
  const log = replicaId(0x9f3)
  assert.is(documentName(log, 0), 'log/9f3')
  assert.equal(recordKey(log, HEAD), keyEncoding.encode(['v1', 'log/9f3', 'update', 0]))
  assert.equal(recordKey(log, 0), keyEncoding.encode(['v1', 'log/9f3', 'update', 1]))
  assert.equal(recordKey(log, 2 ** 31 - 1), keyEncoding.encode(['v1', 'log/9f3', 'update', 2 ** 31]))
  assert.equal(recordKey(log, 2 ** 31), keyEncoding.encode(['v1', 'log/9f3/1', 'update', 1]))
  for (const clock of [HEAD, 0, 5, 2 ** 31, 2 ** 33 + 9, 2 ** 53 - 1]) {
    assert.equal(parseRecordKey(recordKey(log, clock)), { log, clock })
  }
  assert.is(parseRecordKey(keyEncoding.encode(['v1', 'log/9f3/4194304', 'update', 9])), undefined)
  assert.is(parseRecordKey(keyEncoding.encode(['v1', 'log/fffffffffffffff', 'update', 9])), undefined)
  assert.is(parseRecordKey(keyEncoding.encode(['v1', 'log/9f3/1', 'update', 0])), undefined)
  assert.is(parseRecordKey(keyEncoding.encode(['v1', 7, 'update', 0])), undefined)
})

test.run()
