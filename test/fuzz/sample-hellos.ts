import { type Hello, PROTOCOL_VERSION } from '@tallymesh/link'
import fc from 'fast-check'
import { join } from './mutate.js'
import type { Prng } from './prng.js'
import { anyName, anyReplica, anyStore } from './sample-entries.js'

export const anyHello: fc.Arbitrary<Hello> = fc.record({
  version: fc.constant(PROTOCOL_VERSION),
  room: fc.oneof({ weight: 4, arbitrary: fc.constant('shop') }, anyName),
  name: anyName,
  store: anyStore,
  instance: anyStore,
  replica: fc.oneof(fc.constant(0 as const), anyReplica),
  urls: fc.array(fc.oneof(fc.webUrl(), fc.constant('ws://127.0.0.1:7001/'), anyName), { maxLength: 8 }),
})

/** Ids that no reader may take, as varints: 2^53, far more, and not a number. */
const BAD_IDS = [
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  [...Array(7).fill(0xff), 0x7f],
  [...Array(160).fill(0x80), 0],
]

/** A hello whose replica id, behind its two names and two ids, is another one. */
export function withBadId(body: Uint8Array, prng: Prng): Uint8Array {
  const id = Uint8Array.from(prng.pick(BAD_IDS))
  let at = 5
  for (let names = 0; names < 2; names++) {
    const first = body[at] as number
    const length = first < 0x80 ? first : (first & 0x7f) + 128 * (body[at + 1] as number)
    at += length + (first < 0x80 ? 1 : 2)
  }
  at += 32
  let end = at
  while ((body[end] as number) >= 0x80) end++
  return join(body.subarray(0, at), id, body.subarray(end + 1))
}
