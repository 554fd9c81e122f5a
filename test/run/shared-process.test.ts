import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Report, TrapTree } from './traps.js'

const OK = "test('good', () => {})\ntest.run()"
/** Prints the process, and fails so that it is shown. */
const TELLS = "test('tells', () => { throw new Error('in process ' + process.pid) })\ntest.run()"

/** Runs files one after another, in the order of their names. */
async function runFiles(bodies: Readonly<Record<string, string>>, deadlineMs?: number): Promise<Report> {
  const tree = new TrapTree()
  try {
    for (const [name, body] of Object.entries(bodies)) tree.test(name, body)
    return await tree.run(['--jobs', '1'], deadlineMs === undefined ? {} : { deadlineMs })
  } finally {
    tree.remove()
  }
}

function lines(report: Report): string[] {
  return report.text.split('\n').filter(line => /^(?:ok|FAIL) /.test(line))
}

const shared = suite('files that share a process')

shared('run in one, and are reported a line each', async () => {
  const same = `globalThis.seen ??= process.pid\ntest('same', () => assert.is(globalThis.seen, process.pid))\ntest.run()`
  const counts = 'globalThis.files = (globalThis.files ?? 0) + 1\n'
  const report = await runFiles({
    a: counts + same,
    b: counts + same,
    c: `${counts}test('third', () => assert.is(globalThis.files, 3))\ntest.run()`,
  })
  assert.is(report.last, '3 passed, 0 failed, 0 skipped', report.text)
  assert.is(lines(report).length, 3)
})

shared('run alone where a comment asks for that', async () => {
  const counts = 'globalThis.files = (globalThis.files ?? 0) + 1\n'
  const first = `${counts}test('first', () => assert.is(globalThis.files, 1))\ntest.run()`
  const report = await runFiles({ a: OK, b: `// alone: it counts files\n${first}`, c: first })
  assert.is(report.last, '3 passed, 0 failed, 0 skipped', report.text)
})

shared('see an unnamed suite, arguments and an environment of their own', async () => {
  const report = await runFiles({
    a: `process.env.LEFT = 'behind'\nprocess.env.NO_COLOR = ''\ntest.before(context => { context.left = true })\n${OK}`,
    b: `test('afresh', context => {
          assert.not(context.left)
          assert.not('LEFT' in process.env)
          assert.is(process.env.NO_COLOR, '1')
          assert.match(process.argv[1], /b\\.test\\.js$/)
        })
        test.run()`,
  })
  assert.is(report.last, '2 passed, 0 failed, 0 skipped', report.text)
})

const ENDS: Array<[name: string, body: string, reason: RegExp]> = [
  ['an exit with 0', `test('leaves', () => process.exit(0))\n${OK}`, /before all tests did, in .*"leaves"/],
  ['a signal', `test('dies', () => process.kill(process.pid, 'SIGKILL'))\n${OK}`, /signal SIGKILL/],
  ['a late crash', `${OK}\nsetTimeout(() => { throw new Error('too late') }, 50)`, /too late/],
  [
    'a promise that never settles',
    `test('waits', () => new Promise(() => {}))\n${OK}`,
    /before all tests did, in .*"waits"/,
  ],
  ['a top-level await that never settles', `${OK}\nawait new Promise(() => {})`, /perhaps at a top-level await/],
  ['an exit code', `${OK}\nsetTimeout(() => { process.exitCode = 3 }, 50)`, /the process ended with exit code 3/],
  ['a forgotten run', `test('lost', () => {})`, /never run/],
  ['a leftover only', "test.only('one', () => {})\ntest.run()", /marked \.only/],
  ['a hook that throws', `test.before(() => { throw new Error('broken hook') })\n${OK}`, /broken hook/],
]

shared('answer each for its own end, and the others are run', async () => {
  const bodies = ENDS.flatMap(([, body], i) => [
    [`${i}-before`, OK],
    [`${i}-trap`, body],
  ])
  const report = await runFiles(Object.fromEntries([...bodies, ['last', OK]]))
  assert.is(lines(report).length, 2 * ENDS.length + 1, report.text)
  for (const [i, [name, , reason]] of ENDS.entries()) {
    assert.match(report.text, new RegExp(`^ok .*/${i}-before\\.test\\.ts {2}1 passed`, 'm'), name)
    const told = report.text.slice(report.text.indexOf(`/${i}-trap.test.ts`)).split(/^ok /m)[0] as string
    assert.match(told, /^\/.* failed/, name)
    assert.match(told, reason, name)
    assert.match(told, /its process had run 1 file\(s\) before/, name)
  }
  assert.match(report.text, /^ok .*\/last\.test\.ts {2}1 passed/m)
})

shared('have a deadline each', async () => {
  const waits = "test('waits', () => new Promise(resolve => setTimeout(resolve, 1_200)))\ntest.run()"
  const report = await runFiles(
    { a: waits, b: waits, c: waits, d: "test('spins', () => { for (;;); })\ntest.run()", e: OK },
    3_000,
  )
  assert.is(report.last, '4 passed, 1 failed, 0 skipped', report.text)
  assert.match(report.text, /FAIL .*\/d\.test\.ts.*\n.*killed after its deadline of 3 s/)
})

shared('hide no crash of the next by a listener', async () => {
  const report = await runFiles({
    a: `process.on('uncaughtException', () => {})\nprocess.on('unhandledRejection', () => {})\n${OK}`,
    b: `test('starts', () => { void Promise.reject(new Error('nobody waits')) })\n${OK}`,
  })
  assert.is(report.last, '3 passed, 1 failed, 0 skipped', report.text)
  assert.match(report.text, /FAIL .*\/b\.test\.ts[\s\S]*nobody waits/)
})

shared('show each what it printed itself', async () => {
  const report = await runFiles({
    a: `console.log('from a')\nconsole.error('error of a')\n${OK}`,
    b: `console.log('from b')\nconsole.error('error of b')\n${TELLS}`,
    c: TELLS,
  })
  // Two streams: what comes first may end in the middle of a line.
  assert.match(report.text, /from b\n/)
  assert.match(report.text, /error of b\n/)
  assert.not.match(report.text, /(?:from|error of) a/)
  const pids = [...report.text.matchAll(/in process (\d+)/g)].map(found => found[1])
  assert.is(pids.length, 2, report.text)
  assert.is.not(pids[0], pids[1], 'a process goes on after a failure')
})

shared.run()
