import {
  type CounterKey,
  counterKey,
  type Entry,
  entryIdentity,
  type Labels,
  operationId,
  type ReplicaId,
  replicaId,
  type StoreId,
  storeId,
} from '@tallymesh/crdt'
import fc from 'fast-check'
import { codePoint } from './code-point.js'

/** `count` samples of a structure, the same for the same seed. Made at once: one by one costs more. */
export function samplesOf<Sample>(arbitrary: fc.Arbitrary<Sample>, count: number, seed: number): Sample[] {
  return fc.sample(arbitrary, { numRuns: count, seed })
}

const ODD_NAMES = [
  '__proto__',
  'constructor',
  '../x',
  'a{b',
  'a\\b',
  'a\\{b="c"}',
  ' ',
  '%41',
  'é',
  '\u{1F980}',
  '\uFEFFx',
]

export const anyName: fc.Arbitrary<string> = fc
  .oneof(
    fc.constantFrom(...ODD_NAMES),
    fc.string({ unit: codePoint, minLength: 1, maxLength: 30 }),
    fc.string({ unit: fc.constantFrom('a', 'b', '\\', '{', '}', '"', '=', ','), minLength: 1, maxLength: 8 }),
  )
  .filter(name => !/[\p{Cc}\p{Cs}]/u.test(name))

const anyLabels: fc.Arbitrary<Labels> = fc.dictionary(fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/), anyName, {
  maxKeys: 4,
  noNullPrototype: true,
})

export const anyKey: fc.Arbitrary<CounterKey> = fc
  .tuple(anyName, fc.oneof(fc.constant({}), anyLabels))
  .map(([name, labels]) => counterKey(name, labels))

export const anyTotal: fc.Arbitrary<number> = fc.oneof(fc.nat(5), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER))

export const anyReplica: fc.Arbitrary<ReplicaId> = fc
  .oneof(fc.integer({ min: 1, max: 5 }), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER))
  .map(id => replicaId(id || 1))

export const anyStore: fc.Arbitrary<StoreId> = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map(bits => storeId(bits.toString(16).padStart(32, '0')))

const anyLane = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const anyOperation = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map(bits => operationId(bits.toString(16).padStart(32, '0')))

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('slot' as const), key: anyKey, p: anyTotal, n: anyTotal }) },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: fc.constant('adopted' as const), replica: anyReplica },
      ...{ key: anyKey, p: anyTotal, n: anyTotal },
    }),
  },
  fc.record({
    ...{ kind: fc.constant('member' as const), store: anyStore, name: anyName },
    ...{ urls: fc.array(anyName, { maxLength: 8 }), removed: fc.boolean() },
  }),
  fc.record({ kind: fc.constant('fork' as const), replica: anyReplica }),
  fc.record({
    ...{ kind: fc.constant('removals' as const), number: fc.maxSafeNat() },
    ids: fc.uniqueArray(anyStore, { minLength: 1, maxLength: 5 }).map(ids => ids.sort()),
  }),
  fc.record({
    ...{ kind: fc.constant('operation' as const), id: anyOperation },
    counts: fc.array(fc.record({ key: anyKey, p: anyTotal, n: anyTotal }), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    ...{ kind: fc.constant('settlement' as const), number: fc.maxSafeNat() },
    operations: fc.array(fc.record({ id: anyOperation, lo: anyLane, hi: anyLane }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('drop' as const),
    of: fc.oneof(
      fc.record({ operation: anyOperation }),
      fc.record({ settlement: fc.maxSafeNat() }),
      fc.record({ member: anyStore }),
    ),
  }),
  fc.record({ kind: fc.constant('requires' as const), log: anyReplica, clock: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('floor' as const), timeMs: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('admission' as const), store: anyStore, admitted: fc.boolean() }),
  fc.record({
    ...{ kind: fc.constant('fence' as const), number: fc.maxSafeNat() },
    ids: fc.uniqueArray(anyReplica, { minLength: 1, maxLength: 5 }).map(ids => ids.sort((a, b) => a - b)),
  }),
)

/** What one commit may hold: identities differ. */
export const anyCommit: fc.Arbitrary<Entry[]> = fc
  .array(anyEntry, { minLength: 1, maxLength: 6 })
  .map(entries => [...new Map(entries.map(entry => [entryIdentity(entry), entry])).values()])
