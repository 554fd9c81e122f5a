import { canonicalKey } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Command } from './command.js'
import { drawPlan } from './draw-plan.js'
import type { Plan } from './plan.js'
import { parsePlan, printPlan, VERBS } from './words.js'

const test = suite('draw-plan')
const SEEDS = 1_000

const plans: Plan[] = []
for (let seed = 0; seed < SEEDS; seed++) plans.push(drawPlan(seed))

/** What `command` counts on, with amounts. */
function countsOf(command: Command): ReadonlyArray<{ readonly key: string; readonly amount: number }> {
  if (command.verb === 'add') return [command]
  if (command.verb === 'group') return command.adds
  if (command.verb !== 'many') return []
  return Array.from({ length: command.count }, (_, i) => ({ key: `${command.prefix}-${i}`, amount: 1 }))
}

const commands = (plan: Plan) => plan.events.map(({ command }) => command)

test('a plan depends on its seed and limits, and on nothing else', () => {
  for (const seed of [0, 7, 2 ** 53 - 1]) assert.equal(drawPlan(seed), drawPlan(seed))
  assert.is.not(printPlan(drawPlan(1)), printPlan(drawPlan(2)))
  assert.is.not(printPlan(drawPlan(1)), printPlan(drawPlan(2 ** 32 + 1)))
  for (const seed of [1, 2, 3]) {
    const { room, events } = drawPlan(seed, { nodes: 3, events: 300 })
    assert.equal(room.nodes, ['a', 'b', 'c'])
    assert.is(events.length, 300)
  }
})

test('a plan as text is the same plan', () => {
  for (const plan of plans.slice(0, 100)) assert.equal(parsePlan(printPlan(plan)), plan)
})

test('plans are within their bounds, and in order', () => {
  for (const { seed, room, events } of plans) {
    const what = `seed ${seed}`
    assert.ok(room.nodes.length >= 1 && room.nodes.length <= 9, what)
    assert.ok(events.length >= 20 && events.length <= 600, `${what}: ${events.length} events`)
    assert.ok(room.heartbeatMs >= 10 && room.antiEntropyMs >= 10, what)
    for (const key of room.keys) assert.is(canonicalKey(key), key, what)
    for (const [i, { atMs }] of events.entries()) assert.ok(atMs >= (events[i - 1]?.atMs ?? 0), what)
  }
})

test('amounts that name operations are powers of two, each once on its key and sign', () => {
  const distinct = plans.filter(({ room }) => room.distinct)
  assert.ok(distinct.length > SEEDS / 3 && distinct.length < (2 * SEEDS) / 3)
  for (const plan of distinct) {
    const seen = new Set<string>()
    for (const command of commands(plan)) {
      for (const { key, amount } of countsOf(command)) {
        const power = Math.log2(Math.abs(amount))
        assert.ok(Number.isInteger(power) && power <= 51, `seed ${plan.seed}: ${amount}`)
        assert.not.ok(seen.has(`${key} ${amount}`), `seed ${plan.seed}: ${amount} twice on ${key}`)
        seen.add(`${key} ${amount}`)
      }
    }
  }
})

test('nodes are named before they act', () => {
  for (const { seed, room, events } of plans) {
    const known = new Set(room.nodes)
    for (const { command } of events) {
      if (command.verb === 'join') known.add(command.node)
      if (command.verb === 'clone') known.add(command.as)
      if ('node' in command) assert.ok(known.has(command.node), `seed ${seed}: ${command.node}`)
    }
  }
})

test('a room of the first release is upgraded as a whole, and takes in nobody before', () => {
  const old = plans.filter(({ room }) => room.releases !== undefined)
  assert.ok(old.length > SEEDS / 20 && old.length < SEEDS / 4)
  for (const plan of old) {
    const left = new Set(Object.keys(plan.room.releases ?? {}))
    assert.equal([...left], plan.room.nodes)
    for (const command of commands(plan)) {
      if (command.verb === 'upgrade') assert.ok(left.delete(command.node), `seed ${plan.seed}`)
      if (command.verb === 'join' || command.verb === 'clone') assert.is(left.size, 0, `seed ${plan.seed}`)
    }
    assert.is(left.size, 0, `seed ${plan.seed}`)
  }
})

test('every kind of command, room and key is frequent enough to matter', () => {
  const share = (is: (plan: Plan) => boolean) => plans.filter(is).length / SEEDS
  const does = (is: (command: Command) => boolean) => (plan: Plan) => commands(plan).some(is)
  for (const verb of VERBS) {
    assert.ok(share(does(command => command.verb === verb)) > 0.01, `${verb} is in too few seeds`)
  }
  for (const mode of ['ok', 'full', 'fail', 'stuck', 'slow']) {
    assert.ok(share(does(command => command.verb === 'disk' && command.mode === mode)) > 0.03, mode)
  }
  for (const at of ['write', 'landed', 'witnessed']) {
    assert.ok(share(does(command => command.verb === 'kill' && command.at === at)) > 0.1, at)
  }
  for (const nodes of [1, 2, 3, 4, 5])
    assert.ok(share(({ room }) => room.nodes.length === nodes) > 0.02, `${nodes} nodes`)
  assert.ok(share(({ room }) => room.nodes.length > 5) > 0.01, 'large rooms')
  assert.ok(share(({ room }) => room.keys.includes('__proto__')) > 0.05, 'hostile keys')
  assert.ok(share(({ room }) => room.keys.length >= 40) > 0.1, 'many keys')
  assert.ok(share(does(command => command.verb === 'many' && command.count > 2_048)) > 0.01, 'commits of several parts')
  assert.ok(share(does(command => countsOf(command).some(({ amount }) => amount > 2 ** 52))) > 0.03, 'huge amounts')
  assert.ok(share(plan => !commands(plan).some(({ verb }) => verb === 'start')) > 0.05, 'seeds without crashes')
  for (const replicas of [2, 'majority']) {
    assert.ok(
      share(does(command => command.verb === 'add' && command.replicas === replicas)) > 0.1,
      `replicas ${replicas}`,
    )
  }
})

test('sequences that matter come in one piece', () => {
  const follows = (first: (c: Command) => boolean, ...then: Array<(c: Command, node: string) => boolean>) =>
    plans.filter(plan => {
      const list = commands(plan)
      return list.some((command, at) => {
        if (!first(command) || !('node' in command)) return false
        let from = at
        return then.every(next => {
          from = list.findIndex((other, i) => i > from && next(other, command.node))
          return from > 0
        })
      })
    }).length / SEEDS
  const is = (verb: string) => (command: Command, node?: string) =>
    command.verb === verb && (node === undefined || ('node' in command && command.node === node))
  assert.ok(follows(is('kill'), is('rollback'), is('start'), is('add')) > 0.08, 'rollback')
  assert.ok(follows(is('kill'), is('rollback'), is('kill'), is('rollback'), is('start')) > 0.03, 'rollback twice')
  assert.ok(follows(is('kill'), is('wipe'), is('start')) > 0.04, 'wipe')
  assert.ok(follows(is('reboot'), is('start'), is('add')) > 0.05, 'reboot')
  assert.ok(follows(is('flip'), is('kill'), is('start')) > 0.03, 'flip')
  assert.ok(follows(is('kill'), is('clone'), is('start')) > 0.01, 'clone of a node that is down')
  assert.ok(follows(is('kill'), is('remove'), is('wipe'), is('start')) > 0.003, 'remove and come back')
  assert.ok(follows(is('leave'), is('start'), is('wipe'), is('start'), is('add')) > 0.003, 'leave and come back')
  assert.ok(follows(is('leave'), is('kill'), is('start'), is('add')) > 0.01, 'a crash while leaving')
})

test.run()
