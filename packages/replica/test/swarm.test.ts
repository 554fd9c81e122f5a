// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Swarm } from './swarm.js'

const test = suite('swarm')
const STEPS = Number(process.env.STEPS ?? 120)
const SEEDS = Number(process.env.SEEDS ?? 120)

function run(seed: number, hashes = false): number {
  const swarm = new Swarm(seed, STEPS, hashes)
  try {
    return swarm.run()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const repeat = `SEED=${seed} STEPS=${STEPS} node packages/replica/dist/test/swarm.test.js`
    throw new Error(`seed ${seed}: ${message}\nto repeat: ${repeat}\nhistory: ${swarm.log.join('; ')}`, { cause })
  }
}

const wanted = process.env.SEED
if (wanted !== undefined) test(`seed ${wanted} keeps every promise`, () => void run(Number(wanted)))
else {
  test(`${SEEDS} random histories keep every promise`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) run(seed)
  })

  test('a history repeats to the last byte', () => {
    for (let seed = 1; seed <= 5; seed++) assert.is(run(seed, true), run(seed, true))
  })
}

test.run()
