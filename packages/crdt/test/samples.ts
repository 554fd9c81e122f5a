import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  type CounterKey,
  counterKey,
  type Entry,
  type ErrorCode,
  type Labels,
  type LedgerEntry,
  operationId,
  type RemovalsEntry,
  replicaId,
  storeId,
  TallymeshError,
} from '../src/index.js'
import { codePoint } from './code-point.js'

/** Names that other systems stumble over; here each is an ordinary name, and all are distinct. */
export const ODD_NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '../x',
  'a/b',
  '\u{1F980}',
  '\uFFFF',
  '\uFEFFx',
  'x',
  'é'.normalize('NFC'),
  'é'.normalize('NFD'),
  'a{b',
  'a\\b',
  'a\\{b',
  'a}',
  'a"b',
  'a{b="c"}',
  ' ',
  '%41',
  'A',
]

export const anyName = fc
  .oneof(
    fc.constantFrom(...ODD_NAMES),
    fc.string({ unit: codePoint, minLength: 1, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('a', 'b', '\\', '{', '}', '"', '=', ','), minLength: 1, maxLength: 8 }),
  )
  .filter(name => !/\p{Cc}/u.test(name))

const anyLabel = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/)
export const anyLabels: fc.Arbitrary<Labels> = fc
  .dictionary(fc.oneof(fc.constantFrom('__proto__', 'constructor'), anyLabel), anyName, { maxKeys: 5 })
  .map(labels => Object.fromEntries(Object.entries(labels)))

export const anyKey: fc.Arbitrary<CounterKey> = fc
  .tuple(anyName, fc.oneof(fc.constant({}), anyLabels))
  .map(([name, labels]) => counterKey(name, labels))

export const anyTotal = fc.oneof(fc.nat(5), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER))
export const anyReplica = fc
  .oneof(
    fc.integer({ min: 1, max: 5 }),
    fc.maxSafeNat().map(n => n || 1),
  )
  .map(replicaId)
export const anyStore = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map(bits => storeId(bits.toString(16).padStart(32, '0')))

// Entries are plain objects: fast-check would now and then make one without a prototype, which equals no decoded one.
const plain = { noNullPrototype: true } as const

export const anyEntry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('slot' as const), key: anyKey, p: anyTotal, n: anyTotal }, plain),
  },
  fc.record(
    { kind: fc.constant('adopted' as const), replica: anyReplica, key: anyKey, p: anyTotal, n: anyTotal },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('member' as const),
      store: anyStore,
      name: anyName,
      urls: fc.array(anyName, { maxLength: 8 }),
      removed: fc.boolean(),
    },
    plain,
  ),
  fc.record({ kind: fc.constant('fork' as const), replica: anyReplica }, plain),
)

/** A list of removed stores: only batches of version 3 hold it. */
export const anyRemovals: fc.Arbitrary<RemovalsEntry> = fc.record(
  {
    kind: fc.constant('removals' as const),
    number: fc.maxSafeNat(),
    ids: fc.uniqueArray(anyStore, { minLength: 1, maxLength: 5 }).map(ids => ids.sort()),
  },
  plain,
)

const anyOperationId = fc
  .bigInt({ min: 0n, max: 2n ** 128n - 1n })
  .map(bits => operationId(bits.toString(16).padStart(32, '0')))
const anyHash = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const anyCount = fc.record({ key: anyKey, p: anyTotal, n: anyTotal }, plain)

/** What a log may say of operations. */
export const anyLedgerEntry: fc.Arbitrary<LedgerEntry> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('operation' as const),
      id: anyOperationId,
      counts: fc.array(anyCount, { minLength: 1, maxLength: 4 }),
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('settlement' as const),
      number: fc.maxSafeNat(),
      operations: fc.array(fc.record({ id: anyOperationId, lo: anyHash, hi: anyHash }, plain), { maxLength: 4 }),
    },
    plain,
  ),
  fc.record({ kind: fc.constant('absorbed' as const), key: anyKey, p: anyTotal, n: anyTotal }, plain),
  fc.record(
    {
      kind: fc.constant('drop' as const),
      of: fc.oneof(
        fc.record({ operation: anyOperationId }, plain),
        fc.record({ settlement: fc.maxSafeNat() }, plain),
        fc.record({ claim: anyReplica }, plain),
        fc.record({ fold: anyReplica, number: fc.maxSafeNat() }, plain),
        fc.record({ requires: anyReplica }, plain),
        fc.record({ adopted: anyReplica, key: anyKey }, plain),
        fc.record({ fork: anyReplica }, plain),
        fc.record({ member: anyStore }, plain),
      ),
    },
    plain,
  ),
  fc.record({ kind: fc.constant('requires' as const), log: anyReplica, clock: fc.maxSafeNat() }, plain),
  fc.record({ kind: fc.constant('floor' as const), timeMs: fc.maxSafeNat() }, plain),
  fc.record({ kind: fc.constant('admission' as const), store: anyStore, admitted: fc.boolean() }, plain),
  fc.record({ kind: fc.constant('claim' as const), replica: anyReplica }, plain),
  fc.record(
    {
      kind: fc.constant('fold' as const),
      replica: anyReplica,
      number: fc.maxSafeNat(),
      slots: fc.array(anyCount, { maxLength: 4 }),
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('fence' as const),
      number: fc.maxSafeNat(),
      ids: fc.uniqueArray(anyReplica, { minLength: 1, maxLength: 4 }).map(replicas => replicas.sort((a, b) => a - b)),
    },
    plain,
  ),
)

/** Asserts that `act` throws a TallymeshError of one of these codes; answers it. */
export function throwsCode(act: () => unknown, ...codes: ErrorCode[]): TallymeshError {
  try {
    act()
  } catch (error) {
    if (!(error instanceof TallymeshError)) throw error
    assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}, got ${error.code}: ${error.message}`)
    return error
  }
  throw new Error(`expected ${codes.join(' or ')}, nothing was thrown`)
}
