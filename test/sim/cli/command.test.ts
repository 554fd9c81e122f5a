import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parsePlan } from '../plan/words.js'
import { runCommand } from './command.js'
import { STUB } from './stub-simulator.js'
import { progressText } from './summary.js'
import { emptyTally } from './tally.js'

interface Scene {
  readonly root: string
}

const test = suite<Scene>('the command of the simulator')

test.before(scene => {
  Object.assign(scene, { root: mkdtempSync(join(tmpdir(), 'sim-')) })
})
test.after(({ root }) => rmSync(root, { recursive: true, force: true }))

/** Runs the command on the stub; answers its exit code and what it printed. */
async function run(root: string, text: string, interrupt = new AbortController()): Promise<[number, string]> {
  let printed = ''
  const screen = {
    isTerminal: false,
    columns: 80,
    write: (more: string) => {
      printed += more
    },
  }
  const simulator = new URL('stub-simulator.js', import.meta.url).href
  const worker = { simulator, silenceMsMax: 1_500 }
  const code = await runCommand(text.split(' '), { root, worker, screen, interrupt: interrupt.signal })
  return [code, printed]
}

test('seeds that hold: a summary, exit 0', async ({ root }) => {
  const [code, printed] = await run(root, '--seeds 30 --seed 1 --jobs 2')
  assert.is(code, 0)
  assert.match(printed, /^kill +60 +60 +30$/m)
  assert.match(printed, /^read +60 +0 +30$/m)
  assert.match(printed, /^lost +60$/m)
  assert.match(printed, /^reads +90$/m)
  assert.match(printed, /^30 seeds \(10 of them twice\), 120 steps, 0\.0 hours of virtual time, in /m)
  assert.match(printed, /\nPASSED: seeds 1 to 30: every promise held\n$/)
})

test('a drawn first seed is told', async ({ root }) => {
  assert.match((await run(root, '--seeds 1 --jobs 1 --no-shrink'))[1], /^the first seed is \d+\n/)
})

test('a failure: what, where, the shrunk plan in a file, how to repeat it, exit 1', async ({ root }) => {
  const [code, printed] = await run(root, '--seeds 20 --seed 595 --jobs 2 --nodes 3')
  assert.is(code, 1)
  assert.match(
    printed,
    /^FAILED: seed 600: invariant 3, lost-count\n {2}orders lacks 5\n {2}first seen at step 7, 1\.500 s/m,
  )
  assert.ok(printed.includes(`virtual time, after "10 kill a"; Node ${process.version}\n  at check (checks.js:1:1)\n`))
  assert.ok(printed.includes('Again: npm run sim -- --seed 600 --nodes 3\n'))
  assert.ok(printed.includes('Again, shrunk: npm run sim -- --plan .tmp/sim/seed-600.txt\n'))
  const text = readFileSync(join(root, '.tmp/sim/seed-600.txt'), 'utf8')
  assert.ok(printed.includes(text))
  assert.match(text, /^# seed 600, shrunk to 1 events: invariant 3, lost-count\n# orders lacks 5\n/)
  assert.equal(
    parsePlan(text).events.map(({ command }) => command.verb),
    ['kill'],
  )
  const [again, told] = await run(root, '--plan .tmp/sim/seed-600.txt --trace')
  assert.is(again, 1)
  assert.match(told, /^50 kill 0$/m)
  assert.match(told, /^FAILED: \.tmp\/sim\/seed-600\.txt: invariant 3, lost-count$/m)
})

test('--keep-going goes on behind a failure', async ({ root }) => {
  const [code, printed] = await run(root, '--seeds 1200 --seed 500 --jobs 2 --keep-going --no-shrink')
  assert.is(code, 1)
  assert.match(printed, /^1,198 seeds /m)
  assert.match(printed, /FAILED: seed 600: /)
  assert.match(
    printed,
    / 6 seeds failed: 600 \(lost-count\), 700 \(process-lost\), 800 \(process-lost\), 900 \(nondeterminism\), 950 \(thrown\), 1600 \(lost-count\)$/m,
  )
})

test('the progress of a run names the seeds that failed so far', () => {
  const tally = { ...emptyTally(), seeds: 40 }
  assert.match(progressText(tally, 100, 2_000), /^40\/100 seeds, 20\/s, /)
  assert.match(progressText(tally, 100, 2_000, [7]), /^40\/100 seeds, 1 FAILED \(7\), 20\/s, /)
  assert.match(progressText(tally, 100, 2_000, [7, 9, 11, 13, 17, 19]), / 6 FAILED \(7 9 11 13 17 …\), /)
})

test('two runs of a seed that differ are a failure, with the first step', async ({ root }) => {
  const [code, printed] = await run(root, `--seed ${STUB.wavers} --no-shrink`)
  assert.is(code, 1)
  assert.match(
    printed,
    /^FAILED: seed 900: nondeterminism\n {2}two runs of the plan part at step 1:\n {2}0 read \d\n {2}0 read \d\n/m,
  )
})

test('a simulator that throws, hangs or dies fails the seed that it ran', async ({ root }) => {
  const thrown = await run(root, `--seed ${STUB.throws} --no-shrink`)
  assert.is(thrown[0], 1)
  assert.match(thrown[1], /^FAILED: seed 950: thrown\n {2}the simulator threw: the world ended\n/m)
  const dead = await run(root, `--seed ${STUB.dies}`)
  assert.is(dead[0], 1)
  assert.match(dead[1], /^FAILED: seed 800: process-lost\n {2}the worker ended with code 3: /m)
  const hung = await run(root, `--seed ${STUB.hangs}`)
  assert.is(hung[0], 1)
  assert.match(hung[1], /^FAILED: seed 700: process-lost\n {2}the worker said nothing for 1\.5 s: it hangs\n/m)
})

test('an interrupt ends with the summary so far, exit 130', async ({ root }) => {
  const interrupt = new AbortController()
  const running = run(root, '--seeds 1000000 --seed 100000001000 --jobs 1 --minutes 1', interrupt)
  setImmediate(() => interrupt.abort())
  const [code, printed] = await running
  assert.is(code, 130)
  assert.match(printed, /^\d+ seeds \(\d+ of them twice\), /m)
})

test('--trace prints each step of a seed', async ({ root }) => {
  const [code, printed] = await run(root, '--seed 5 --trace --nodes 1')
  assert.is(code, 0)
  assert.match(printed, /^0 read 0\n10 kill 0\n/)
})

test('wrong flags, plans and mutants: a sentence, exit 2', async ({ root }) => {
  assert.equal(await run(root, '--sede 4'), [2, 'unknown flag --sede; npm run sim -- --help lists the flags\n'])
  const [code, printed] = await run(root, '--plan nowhere.txt')
  assert.is(code, 2)
  assert.match(printed, /^the plan cannot be read: ENOENT/)
  writeFileSync(join(root, 'bad.txt'), 'seed 4\nnodes a\n10 dance a\n')
  const bad = await run(root, '--plan bad.txt')
  assert.is(bad[0], 2)
  assert.match(bad[1], /^bad\.txt is no plan: line 3: /)
  const nobody = await run(root, '--mutants nobody')
  assert.is(nobody[0], 2)
  assert.match(nobody[1], /^there is no mutant nobody; there are /)
  const [helped, help] = await run(root, '--help')
  assert.is(helped, 0)
  assert.match(help, /^usage: npm run sim/)
})

test.run()
