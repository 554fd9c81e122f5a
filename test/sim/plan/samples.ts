import fc from 'fast-check'
import { codePoint } from '../../fuzz/code-point.js'
import type { Command, Verb } from './command.js'
import type { Plan, RoomSpec } from './plan.js'
import { ANSWER_BYTES_MAX, COMMIT_ENTRIES_MAX } from './room-words.js'

/** Objects as literals make them; fast-check would give some no prototype. */
const plain = <Fields extends object>(fields: { readonly [F in keyof Fields]: fc.Arbitrary<Fields[F]> }) =>
  fc.record<Fields>(fields, { noNullPrototype: true })
const node = fc.stringMatching(/^[a-z][a-z0-9]{0,2}$/)
const odd = [
  '',
  ' ',
  '#',
  'a#b',
  '"',
  '"a"',
  '\\',
  'replicas',
  'majority',
  '|',
  '>',
  '7',
  '-2',
  '__proto__',
  'a b',
  'ä',
]
const unit = fc.oneof(fc.string({ unit: codePoint }), fc.string(), fc.constantFrom(...odd))
const key = fc.oneof(
  unit,
  fc.array(unit, { maxLength: 4 }).map(parts => parts.join('')),
)
const ms = fc.integer({ min: 0, max: 10_000_000_000 }).map(thousandths => thousandths / 1000)
const amount = fc.maxSafeInteger().filter(value => value !== 0)
const count = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 3 }))
const steps = fc.integer({ min: 0, max: 1_000_000 })
const percent = fc.integer({ min: 0, max: 100_000 }).map(thousandths => thousandths / 1000)
const replicas = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constant('majority' as const))
const concern = fc.option(replicas, { nil: undefined })
const verb = <V extends Verb>(name: V) => fc.constant(name)
const adds = fc.array(plain({ key, amount }), { minLength: 1, maxLength: 5 })
const sides = fc.array(fc.array(node, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 })
const share = fc.constantFrom('lose' as const, 'repeat' as const, 'damage' as const, 'reorder' as const)
const moment = fc.constantFrom(undefined, 'write' as const, 'landed' as const, 'witnessed' as const)

/** Any command that a plan may hold. */
export const anyCommand: fc.Arbitrary<Command> = fc
  .oneof(
    plain({ verb: verb('add'), node, key, amount, replicas: concern }),
    plain({ verb: verb('group'), node, adds, replicas: concern }),
    plain({ verb: verb('many'), node, prefix: key, count }),
    plain({ verb: verb('read'), node, key }),
    plain({ verb: verb('operate'), node, key, amount, id: fc.maxSafeNat(), replicas: concern }),
    plain({ verb: fc.constantFrom('transfer' as const, 'drop' as const), from: node, to: node }),
    plain({ verb: fc.constantFrom('start' as const, 'stop' as const, 'reboot' as const), node }),
    plain({ verb: fc.constantFrom('wipe' as const, 'join' as const), node }),
    plain({ verb: verb('kill'), node, at: moment }),
    plain({ verb: verb('pause'), node, ms }),
    plain({ verb: fc.constantFrom('restore' as const, 'rollback' as const), node, steps }),
    plain({
      verb: verb('clock'),
      node,
      ms: fc.oneof(
        ms,
        ms.filter(value => value > 0).map(value => -value),
      ),
    }),
    plain({ verb: verb('drift'), node, ppm: fc.integer({ min: -1_000_000, max: 1_000_000 }) }),
    plain({ verb: verb('clone'), node, as: node, here: fc.boolean() }),
    plain({ verb: verb('flip'), node, record: fc.maxSafeNat() }),
    plain({ verb: verb('disk'), node, mode: fc.constantFrom('ok' as const, 'full' as const, 'stuck' as const) }),
    plain({ verb: verb('disk'), node, mode: fc.constant('fail' as const) }),
    plain({ verb: verb('disk'), node, mode: fc.constant('slow' as const), ms }),
    plain({ verb: verb('cut'), from: node, to: node, oneWay: fc.boolean() }),
    plain({ verb: verb('partition'), groups: sides }),
    plain({ verb: verb('heal'), nodes: fc.option(fc.tuple(node, node), { nil: undefined }) }),
    plain({ verb: verb('delay'), from: node, to: node, ms, jitterMs: ms }),
    plain({ verb: share, from: node, to: node, percent }),
    plain({ verb: verb('clog'), from: node, to: node, ms }),
    plain({ verb: verb('remove'), node, by: node }),
    plain({ verb: verb('leave'), node, ms: fc.integer({ min: 1, max: 600_000 }) }),
    plain({ verb: verb('upgrade'), node, release: fc.constantFrom(1 as const, 2 as const) }),
  )
  .map(command => withoutUndefined(command) as Command)

const range = fc.tuple(ms, ms).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)

const anyRoom: fc.Arbitrary<RoomSpec> = plain({
  nodes: fc.uniqueArray(node, { minLength: 1, maxLength: 9 }),
  heartbeatMs: fc.integer({ min: 10, max: 60_000 }),
  antiEntropyMs: fc.integer({ min: 10, max: 600_000 }),
  delayMs: range,
  syncMs: range,
  keys: fc.array(key, { maxLength: 40 }),
  distinct: fc.boolean(),
  commitEntriesMax: fc.option(fc.integer({ min: 100, max: COMMIT_ENTRIES_MAX }), { nil: undefined }),
  answerBytesMax: fc.option(fc.integer({ min: 1, max: ANSWER_BYTES_MAX }), { nil: undefined }),
  retryWindowMs: fc.option(fc.integer({ min: 100, max: 86_400_000 }), { nil: undefined }),
  operationsMax: fc.option(fc.integer({ min: 1, max: 10_000_000 }), { nil: undefined }),
  fold: fc.option(fc.tuple(fc.nat(86_400_000), fc.nat(86_400_000)), { nil: undefined }),
  old: fc.boolean(),
}).map(({ old, fold, ...plainRoom }) => {
  const folds = fold && { foldAfterMs: fold[0], foldGraceMs: fold[1] }
  const room = withoutUndefined({ ...plainRoom, ...folds }) as RoomSpec
  return old ? { ...room, releases: Object.fromEntries(room.nodes.map(name => [name, 1 as const])) } : room
})

/** Any plan. */
export const anyPlan: fc.Arbitrary<Plan> = plain({
  seed: fc.maxSafeNat(),
  room: anyRoom,
  events: fc.array(plain({ atMs: ms, command: anyCommand }), { maxLength: 20 }),
}).map(plan => ({ ...plan, events: plan.events.toSorted((a, b) => a.atMs - b.atMs) }))

function withoutUndefined(command: object): object {
  return Object.fromEntries(Object.entries(command).filter(([, value]) => value !== undefined))
}
