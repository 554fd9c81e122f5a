import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Command } from './command.js'
import { drawPlan } from './draw-plan.js'
import type { Plan } from './plan.js'
import { shrink } from './shrink.js'
import { parsePlan, printPlan } from './words.js'

const test = suite('shrink')

const has = (plan: Plan, is: (command: Command) => boolean) => plan.events.some(({ command }) => is(command))
const adds = (plan: Plan) =>
  plan.events.flatMap(({ command }) =>
    command.verb === 'group' ? command.adds : command.verb === 'add' ? [command] : [],
  )

async function shrunk(plan: Plan, fails: (plan: Plan) => boolean, triesMax = 5_000) {
  let tries = 0
  const progress: string[] = []
  const small = await shrink(
    plan,
    async smaller => {
      tries++
      return fails(smaller)
    },
    { triesMax, progress: text => progress.push(text) },
  )
  assert.ok(fails(small), `what is left does not fail:\n${printPlan(small)}`)
  assert.ok(tries <= triesMax, `${tries} tries`)
  assert.equal(parsePlan(printPlan(small)), small)
  return { small, tries, progress }
}

/** The first plan that fails, from a room of many nodes. */
function planThat(fails: (plan: Plan) => boolean, nodes = 5): Plan {
  for (let seed = 1; seed < 2_000; seed++) {
    const plan = drawPlan(seed, { nodes, events: 200 })
    if (fails(plan)) return plan
  }
  throw new Error('no plan fails')
}

test('what does not matter goes: events, nodes, keys, arguments, times', async () => {
  const fails = (plan: Plan) => {
    const killed = plan.events.findIndex(({ command }) => command.verb === 'kill' && command.node === 'c')
    const rolledBack = plan.events.findIndex(({ command }) => command.verb === 'rollback' && command.node === 'c')
    return killed >= 0 && rolledBack > killed && has(plan, command => command.verb === 'add' && command.node === 'b')
  }
  const plan = planThat(fails)
  const { small, progress } = await shrunk(plan, fails)
  assert.equal(small.events.map(({ command }) => command.verb).sort(), ['add', 'kill', 'rollback'])
  assert.equal(
    small.events.map(({ atMs }) => atMs),
    [0, 0, 0],
  )
  assert.equal(small.room.nodes, ['b', 'c'])
  assert.is(small.room.keys.length, 1)
  assert.is(small.seed, plan.seed)
  assert.ok(progress.length > 3)
  for (const { command } of small.events) {
    if (command.verb === 'rollback') assert.is(command.steps, 1)
    if (command.verb === 'kill') assert.is(command.at, undefined)
    if (command.verb === 'add') assert.is(command.replicas, undefined)
  }
})

test('what matters stays', async () => {
  const late = (plan: Plan) => (plan.events.at(-1)?.atMs ?? 0) >= 400 && plan.room.nodes.length >= 3
  const { small } = await shrunk(planThat(late), late)
  assert.is(small.events.length, 1)
  assert.is(small.room.nodes.length, 3)
  assert.ok((small.events[0]?.atMs ?? 0) < 800)

  const slow = (plan: Plan) => plan.room.heartbeatMs !== 500 && has(plan, command => command.verb === 'partition')
  const left = (await shrunk(planThat(slow), slow)).small
  assert.ok(left.room.heartbeatMs !== 500)
  assert.equal(left.room.delayMs, [1, 1])
  assert.equal(
    left.events.map(({ command }) => command),
    [{ verb: 'partition', groups: left.events[0] && sides(left) }],
  )

  const many = (plan: Plan) => has(plan, command => command.verb === 'many' && command.count >= 37)
  const bulk = (await shrunk(planThat(many), many)).small.events[0]?.command
  assert.is(bulk?.verb === 'many' && bulk.count, 37)
})

function sides(plan: Plan): unknown {
  const command = plan.events[0]?.command
  assert.ok(command?.verb === 'partition')
  assert.is(command.groups.length, 2)
  return command.groups
}

test('where amounts name operations, they stay different on each key and sign', async () => {
  const fails = (plan: Plan) =>
    plan.room.distinct && adds(plan).length >= 9 && adds(plan).some(({ amount }) => amount < 0)
  const plan = planThat(plan => fails(plan) && new Set(adds(plan).map(({ key }) => key)).size > 3)
  const ownAmounts = (plan: Plan) => {
    const names = adds(plan).map(({ key, amount }) => `${key} ${amount}`)
    return (
      new Set(names).size === names.length &&
      adds(plan).every(({ amount }) => Number.isInteger(Math.log2(Math.abs(amount))))
    )
  }
  const { small } = await shrunk(plan, plan => {
    assert.ok(ownAmounts(plan), printPlan(plan))
    return fails(plan)
  })
  assert.is(adds(small).length, 9)
  assert.equal(small.room.keys, ['orders'])
})

test('the tries are bounded, and the way is always the same', async () => {
  const fails = (plan: Plan) => plan.events.length >= 7 && has(plan, ({ verb }) => verb === 'kill')
  const plan = planThat(fails)
  assert.is((await shrunk(plan, fails, 10)).tries, 10)
  const [one, other] = [await shrunk(plan, fails), await shrunk(plan, fails)]
  assert.is(printPlan(one.small), printPlan(other.small))
  assert.is(one.tries, other.tries)
  assert.is(one.small.events.length, 7)
  const never = await shrink(plan, async () => false, { triesMax: 50 })
  assert.is(never, plan)
})

test('a failure that needs everything is left as it is', async () => {
  const plan = parsePlan('seed 3\nnodes a b\nkeys orders\n0 add a orders 1\n0 kill a\n5 start a\n')
  const text = printPlan(plan)
  const small = await shrink(plan, async smaller => printPlan(smaller) === text, { triesMax: 1_000 })
  assert.is(printPlan(small), text)
})

test.run()
