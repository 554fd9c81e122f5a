// deadline: 600 s
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommand } from './cli/command.js'
import { failureText } from './cli/failure-text.js'
import { SeedHunt } from './cli/seed-hunt.js'
import { simulator } from './real-simulator.js'
import { readRegressions } from './regressions/regressions.js'

const SEEDS = Number(process.env.SEEDS ?? 2_000)
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const WORKER = { simulator: new URL('real-simulator.js', import.meta.url).href }
/** A small mutant that is caught soon: its plan says in few lines what goes wrong. */
const MUTANT = 'acknowledged-before-sync'
const MUTANT_EVENTS_MAX = 12

const test = suite('simulated rooms')

for (const { name, plan } of readRegressions()) {
  test(`a plan that failed once holds: ${name}`, async () => {
    const { failure } = await simulator.runPlan(plan)
    assert.not.ok(failure, failure && failureText(name, failure))
  })
}

test(`${SEEDS} fresh seeds keep every promise`, async () => {
  console.log(`simulated rooms: seeds ${SEED} to ${SEED + SEEDS - 1}`)
  const limits = { limits: {}, deep: false, keepGoing: false, minutes: Number.POSITIVE_INFINITY, jobs: 2 }
  const hunt = new SeedHunt({ ...limits, worker: WORKER, seed: SEED, seeds: SEEDS })
  await hunt.run()
  const { firstFailure: first, tally } = hunt
  assert.not.ok(
    first,
    first && `${failureText(`seed ${first.seed}`, first.failure)}\nAgain: npm run sim -- --seed ${first.seed}`,
  )
  assert.is(tally.seeds, SEEDS)
  assert.ok(tally.repeated >= Math.min(10, SEEDS), 'some are run twice and compared')
})

test('a plan does the same whatever ran before it, and as text', async () => {
  const plans = Array.from({ length: 6 }, (_, i) => simulator.drawPlan(SEED + i, { events: 150 }))
  const hashes: number[] = []
  for (const plan of plans) hashes.push((await simulator.runPlan(plan)).hash)
  for (const [i, plan] of [...plans.entries()].reverse()) {
    const text = simulator.printPlan(plan)
    const again = await simulator.runPlan(simulator.parsePlan(text))
    assert.is(again.hash, hashes[i], `seed ${plan.seed}`)
  }
  assert.is(new Set(hashes).size, hashes.length, 'seeds differ')
})

test('a planted bug is caught, and shrunk to a transcript of a few lines', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sim-'))
  try {
    let printed = ''
    const write = (text: string) => {
      printed += text
    }
    const context = { root, worker: WORKER, screen: { isTerminal: false, columns: 120, write } }
    const interrupt = new AbortController().signal
    const code = await runCommand(['--mutants', MUTANT, '--jobs', '1'], { ...context, interrupt })
    assert.is(code, 0, printed)
    const { events } = simulator.parsePlan(readFileSync(join(root, `.tmp/sim/mutant-${MUTANT}.txt`), 'utf8'))
    assert.ok(events.length > 0 && events.length <= MUTANT_EVENTS_MAX, printed)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test.run()
