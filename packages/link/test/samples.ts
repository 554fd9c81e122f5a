import { replicaId, storeId, TallymeshError } from '@tallymesh/crdt'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Hello, PROTOCOL_VERSION } from '../src/index.js'
import { codePoint } from './code-point.js'

/** Checks that `act` throws a TallymeshError of one of `codes`. */
export function throwsCode(act: () => unknown, ...codes: string[]): void {
  try {
    act()
  } catch (error) {
    assert.instance(error, TallymeshError)
    assert.ok(codes.includes((error as TallymeshError).code), `${String(error)} is none of ${codes}`)
    return
  }
  assert.unreachable(`nothing was thrown instead of ${codes}`)
}

const text = (bytesMax: number) =>
  fc.string({ unit: codePoint, maxLength: bytesMax }).filter(value => Buffer.byteLength(value) <= bytesMax)

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex'))

export const anyHello: fc.Arbitrary<Hello> = fc.record(
  {
    version: fc.constant(PROTOCOL_VERSION),
    room: text(256),
    name: text(256),
    store: id.map(storeId),
    instance: id,
    replica: fc.oneof(fc.constant(0 as const), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(replicaId)),
    urls: fc.array(text(1024), { maxLength: 8 }),
  },
  { noNullPrototype: true },
)

export const SAMPLE_HELLO: Hello = {
  version: PROTOCOL_VERSION,
  room: 'shop',
  name: 'api-1',
  store: storeId('00112233445566778899aabbccddeeff'),
  instance: 'ffeeddccbbaa99887766554433221100',
  replica: replicaId(2 ** 53 - 1),
  urls: ['ws://10.0.0.1:7001/'],
}
