import type { Message } from '@tallymesh/replica'
import fc from 'fast-check'
import { anyName, anyReplica, anyStore, anyTotal } from './sample-entries.js'

const lane = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const bytes = fc.uint8Array({ maxLength: 60 })

/** Messages of every type, with any content that the format can hold. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('clocks' as const),
    full: fc.boolean(),
    logs: fc.array(fc.record({ log: anyReplica, clock: anyTotal, lo: lane, hi: lane }), { maxLength: 6 }),
  }),
  fc.record({ type: fc.constant('pull' as const), log: anyReplica, clock: anyTotal }),
  fc.record({ type: fc.constant('diff' as const), log: anyReplica, update: bytes, more: fc.boolean() }),
  fc.record({ type: fc.constant('update' as const), log: anyReplica, update: bytes }),
  fc.record({
    type: fc.constant('durable' as const),
    marks: fc.array(fc.record({ store: anyStore, log: anyReplica, clock: anyTotal }), { maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('members' as const),
    members: fc.array(fc.record({ store: anyStore, name: anyName, urls: fc.array(anyName, { maxLength: 8 }) }), {
      maxLength: 4,
    }),
  }),
  fc.record({
    type: fc.constant('stand' as const),
    number: fc.integer({ min: 1, max: 4 }),
    whole: fc.boolean(),
    more: fc.boolean(),
    logs: fc.array(fc.record({ log: anyReplica, clock: anyTotal }), { maxLength: 6 }),
  }),
  fc.record({
    type: fc.constant('ping' as const),
    replica: fc.oneof(fc.constant(0 as const), anyReplica),
    linked: fc.array(anyReplica, { maxLength: 6 }),
    lo: lane,
    hi: lane,
  }),
)
