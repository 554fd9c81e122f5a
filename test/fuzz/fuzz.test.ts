// deadline: 300 s
// Longer, and without a deadline: FUZZ_INPUTS=1000000 node test/dist/fuzz/fuzz.test.js. FUZZ_SEED=N repeats a run,
// FUZZ_TARGET=NAME runs one target, and FUZZ_INPUT=HEX (or the path of a file that holds it) feeds one input to it.
import { suite } from 'uvu'
import { givenInput, knownFailures } from './failures.js'
import { Fuzzer, type Tally } from './fuzzer.js'
import type { Target } from './target.js'
import { TARGETS } from './targets.js'
import { Watchdog } from './watchdog.js'

const INPUTS = 20_000
/** With so few inputs a target may meet no valid one, or no refusal. */
const VARIED_INPUTS_MIN = 50

const { FUZZ_INPUTS, FUZZ_SEED, FUZZ_TARGET, FUZZ_INPUT } = process.env
const inputs = Number(FUZZ_INPUTS ?? INPUTS)
const seed = FUZZ_SEED === undefined ? Date.now() % 2 ** 32 : Number(FUZZ_SEED)
if (!Number.isSafeInteger(inputs) || inputs < 1) throw new Error(`FUZZ_INPUTS must be a number, got ${FUZZ_INPUTS}`)
if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`FUZZ_SEED must be a number, got ${FUZZ_SEED}`)
const targets = TARGETS.filter(({ name }) => FUZZ_TARGET === undefined || name === FUZZ_TARGET)
if (targets.length === 0)
  throw new Error(`no target is called ${FUZZ_TARGET}: ${TARGETS.map(({ name }) => name).join(' ')}`)
console.log(`FUZZ_SEED=${seed}, ${inputs} inputs`)

const fuzz = suite('fuzz')
const watchdog = new Watchdog()

for (const target of targets) {
  fuzz(target.name, async () => {
    const fuzzer = new Fuzzer(target, seed, watchdog)
    const startMs = performance.now()
    try {
      if (FUZZ_INPUT !== undefined) return await fuzzer.replay(givenInput(FUZZ_INPUT), 'the given input')
      for (const { file, bytes } of knownFailures(target.name)) await fuzzer.replay(bytes, `failures/${file}`)
      await fuzzer.run(shareOf(target))
      checkVaried(target, fuzzer.tally)
    } finally {
      await fuzzer.close()
      report(target, fuzzer.tally, performance.now() - startMs)
    }
  })
}

fuzz.after(() => watchdog.close())

/** How many of a run's inputs a target gets; all of them where it runs alone and their number was given. */
function shareOf({ share }: Target): number {
  if (FUZZ_TARGET !== undefined && FUZZ_INPUTS !== undefined) return inputs
  return Math.max(1, Math.round((inputs * share) / TARGETS.reduce((sum, target) => sum + target.share, 0)))
}

/** Inputs that are all refused, or all taken, would show nothing. */
function checkVaried({ name }: Target, { inputs: fed, outcomes }: Tally): void {
  if (fed < VARIED_INPUTS_MIN) return
  if (!outcomes.has('accepted')) throw new Error(`${name}: none of ${fed} inputs was taken: its samples are wrong`)
  if (outcomes.size === 1) throw new Error(`${name}: none of ${fed} inputs was refused: its mutations are wrong`)
}

function report({ name }: Target, { inputs: fed, outcomes, slowestMs }: Tally, tookMs: number): void {
  const counts = [...outcomes]
    .sort(([, one], [, other]) => other - one)
    .map(([outcome, count]) => `${outcome} ${count}`)
  const times = `${(tookMs / 1_000).toFixed(1)} s, slowest ${slowestMs.toFixed(1)} ms`
  console.log(`${name}: ${fed} inputs in ${times}: ${counts.join(', ')}`)
}

fuzz.run()
