import { canonicalKey, replicaId, Table } from '@tallymesh/crdt'
import type { Plan } from '../plan/plan.js'
import { parsePlan, printPlan } from '../plan/words.js'
import type { RunResult, Simulator } from './simulator.js'

/** What the stub does by the last three digits of a seed. */
export const STUB = { fails: 600, hangs: 700, dies: 800, wavers: 900, throws: 950 } as const

let runs = 0

/** A simulator for tests of the command: each plan is a read and a kill on each of its nodes, and a kill fails where the seed
 *  says so. */
export const simulator: Simulator = {
  drawPlan(seed, { nodes = 2 }) {
    const names = [...'abcdefghi'].slice(0, nodes)
    const times = { heartbeatMs: 500, antiEntropyMs: 2_000, delayMs: [1, 5], syncMs: [1, 3] } as const
    return {
      seed,
      room: { ...times, nodes: names, keys: ['orders'], distinct: false },
      events: names.flatMap((node, i) => [
        { atMs: 20 * i, command: { verb: 'read', node, key: 'orders' } as const },
        { atMs: 20 * i + 10, command: { verb: 'kill', node } as const },
      ]),
    }
  },
  async runPlan(plan, { trace = false } = {}) {
    runs++
    const kind = plan.seed % 1_000
    if (kind === STUB.dies) process.exit(3)
    if (kind === STUB.throws) throw new Error('the world ended')
    if (kind === STUB.hangs) for (;;) await new Promise(resolve => setTimeout(resolve, 10_000))
    return resultOf(plan, kind === STUB.wavers ? runs : 0, trace)
  },
  async shrink(plan, fails, { progress }) {
    let smallest = plan
    for (const event of plan.events) {
      const smaller = { ...smallest, events: smallest.events.filter(other => other !== event) }
      if (await fails(smaller)) smallest = smaller
      progress?.(`${smallest.events.length} events`)
    }
    return smallest
  },
  parsePlan,
  printPlan,
}

function resultOf(plan: Plan, hash: number, trace: boolean): RunResult {
  const kills = plan.events.filter(({ command }) => command.verb === 'kill').length
  const broken = plan.seed % 1_000 === STUB.fails && kills > 0
  const fell = tableFalls()
  const where = { step: 7, atMs: 1_500, after: '10 kill a', stack: 'Error: lost\n    at check (checks.js:1:1)\n' }
  return {
    seed: plan.seed,
    hash,
    steps: plan.events.length,
    virtualMs: 1_000,
    applied: { kill: kills },
    injected: { lost: 2 },
    figures: { reads: 3 },
    failure: fell
      ? { kind: 'fell', invariant: 1, message: 'orders fell', ...where }
      : broken
        ? { kind: 'lost-count', invariant: 3, message: 'orders lacks 5', ...where }
        : undefined,
    trace: trace ? plan.events.map(({ atMs, command }) => `${atMs} ${command.verb} ${hash}`) : [],
  }
}

/** Whether a mutant was planted in the table. */
function tableFalls(): boolean {
  const table = new Table()
  const id = table.idOf(canonicalKey('orders'))
  for (const p of [5, 3]) table.merge(replicaId(7), id, p, 0)
  return table.value(id) < 5
}
