import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Report, TrapTree } from './traps.js'

const OK = "test('good', () => {})\ntest.run()"

/** Runs one file with this body in a tree of its own. */
async function runBody(body: string, options: { env?: NodeJS.ProcessEnv; deadlineMs?: number } = {}): Promise<Report> {
  const tree = new TrapTree()
  try {
    tree.test('trap', body)
    return await tree.run([], options)
  } finally {
    tree.remove()
  }
}

function fails(report: Report, last: string, reason: RegExp): void {
  assert.is(report.last, last, report.text)
  assert.is(report.code, 1)
  assert.match(report.text, reason)
}

const passing = suite('passing files')

passing('are counted, a line each', async () => {
  const report = await runBody(
    `const more = suite('more')\nmore('a', () => {})\nmore('b', () => {})\nmore.run()\n${OK}`,
  )
  assert.is(report.last, '3 passed, 0 failed, 0 skipped', report.text)
  assert.is(report.code, 0)
  assert.match(report.text, /^ok {3}packages\/x\/test\/trap\.test\.ts {2}3 passed {2}\d+\.\d s\n/)
})

passing('see their own path as argument and no coverage', async () => {
  const report = await runBody(
    "test('arguments', () => {\n  assert.match(process.argv[1], /trap\\.test\\.js$/)\n  assert.is(process.argv.length, 2)\n" +
      '  assert.not(process.env.NODE_V8_COVERAGE)\n})\ntest.run()',
  )
  assert.is(report.last, '1 passed, 0 failed, 0 skipped', report.text)
})

passing('may use hooks and contexts as with uvu alone', async () => {
  const report = await runBody(`
    const hooked = suite('hooked', { calls: [] })
    hooked.before(context => { context.calls.push('before') })
    hooked.before.each(context => { context.calls.push('each') })
    hooked('sees them', context => assert.equal(context.calls, ['before', 'each']))
    hooked.after(context => { if (context.calls.length !== 2) throw new Error('calls') })
    hooked.run()`)
  assert.is(report.last, '1 passed, 0 failed, 0 skipped', report.text)
})

passing.run()

const traps = suite('files that must fail')

const TRAPS: Array<[name: string, body: string, last: string, reason: RegExp]> = [
  [
    'a failing assertion',
    `test('bad', () => assert.is(1, 2))\n${OK}`,
    '1 passed, 1 failed, 0 skipped',
    /1 of 2 test.*\n.*\| [\s\S]*"bad"/,
  ],
  [
    'a before hook that throws',
    `test.before(() => { throw new Error('broken hook') })\n${OK}`,
    '0 passed, 2 failed, 0 skipped',
    /the before hook of the unnamed suite threw: Error: broken hook/,
  ],
  [
    'an after hook that throws',
    `test.after(async () => { throw new Error('broken hook') })\n${OK}`,
    '0 passed, 2 failed, 0 skipped',
    /the after hook of the unnamed suite threw: Error: broken hook/,
  ],
  [
    'a hook after each test that throws',
    `test.after.each(() => { throw new Error('broken hook') })\n${OK}`,
    '0 passed, 3 failed, 0 skipped',
    /the after\.each hook of the unnamed suite threw/,
  ],
  [
    'a forgotten run',
    `const lost = suite('lost')\nlost('never runs', () => {})\n${OK}`,
    '1 passed, 1 failed, 0 skipped',
    /suite "lost" holds 1 test\(s\) that never run/,
  ],
  [
    'a test that is added after run',
    `${OK}\ntest('late', () => {})`,
    '1 passed, 1 failed, 0 skipped',
    /the unnamed suite holds 1 test\(s\) that never run/,
  ],
  ['nothing to run', 'export {}', '0 passed, 1 failed, 0 skipped', /no test was registered/],
  [
    'a suite without tests',
    `suite('empty').run()\n${OK}`,
    '1 passed, 1 failed, 0 skipped',
    /suite "empty" is run but holds no test/,
  ],
  [
    'a leftover only',
    `test.only('one', () => {})\n${OK}`,
    '1 passed, 1 failed, 0 skipped',
    /test "one" is marked \.only/,
  ],
  [
    'a promise that never settles',
    "test('waits', () => new Promise(() => {}))\ntest.run()",
    '0 passed, 1 failed, 0 skipped',
    /before all tests did, in the unnamed suite, test "waits"; it waits for something that never comes/,
  ],
  [
    'a top-level await that never settles',
    `${OK}\nawait new Promise(() => {})`,
    '1 passed, 1 failed, 0 skipped',
    /the process ended with exit code 0 while the file was loading, perhaps at a top-level await/,
  ],
  [
    'an exit with 0 in the middle',
    `test('first', () => {})\ntest('leaves', () => process.exit(0))\n${OK}`,
    '0 passed, 1 failed, 0 skipped',
    /before all tests did, in the unnamed suite, test "leaves"/,
  ],
  [
    'an exit with 0 before the first test',
    `${OK}\nprocess.exit(0)`,
    '0 passed, 1 failed, 0 skipped',
    /before the first test/,
  ],
  [
    'an exit that hides from handlers',
    `test('leaves', () => process.reallyExit(0))\n${OK}`,
    '0 passed, 1 failed, 0 skipped',
    /exit code 0 before all tests did/,
  ],
  [
    'an unhandled rejection',
    `test('starts', () => { void Promise.reject(new Error('nobody waits')) })\n${OK}`,
    '2 passed, 1 failed, 0 skipped',
    /nobody waits/,
  ],
  [
    'a crash after the last test',
    `${OK}\nsetTimeout(() => { throw new Error('too late') }, 50)`,
    '1 passed, 1 failed, 0 skipped',
    /the process ended with exit code 1\n[\s\S]*too late/,
  ],
  [
    'a killed process',
    "test('dies', () => process.kill(process.pid, 'SIGKILL'))\ntest.run()",
    '0 passed, 1 failed, 0 skipped',
    /signal SIGKILL/,
  ],
  ['an error while loading', "throw new Error('at load')", '0 passed, 1 failed, 0 skipped', /at load/],
  ['a missing module', "import './gone.js'", '0 passed, 1 failed, 0 skipped', /Cannot find module/],
]

for (const [name, body, last, reason] of TRAPS) {
  traps(name, async () => fails(await runBody(body), last, reason))
}

traps('a test that hangs, at its deadline', async () => {
  const body = "test('spins', () => { for (;;); })\ntest.run()"
  const report = await runBody(body, { deadlineMs: 3000 })
  fails(report, '0 passed, 1 failed, 0 skipped', /killed after its deadline of 3 s, in the unnamed suite, test "spins"/)
})

traps('a process that stays alive after its tests', async () => {
  const report = await runBody(`${OK}\nsetInterval(() => {}, 1000)`, { deadlineMs: 3000 })
  fails(report, '1 passed, 1 failed, 0 skipped', /all tests ended, but something keeps the process alive/)
})

traps('a grandchild dies with the test that started it', async () => {
  const tree = new TrapTree()
  const beat = join(tree.root, 'beat')
  try {
    const script = `setInterval(() => require('fs').writeFileSync(${JSON.stringify(beat)}, String(process.pid)), 20)`
    tree.test(
      'parent',
      `import { spawn } from 'node:child_process'
       import { existsSync } from 'node:fs'
       test('starts a child and leaves it', async () => {
         spawn(process.execPath, ['-e', ${JSON.stringify(script)}], { stdio: 'inherit' }).unref()
         while (!existsSync(${JSON.stringify(beat)})) await new Promise(resolve => setTimeout(resolve, 10))
       })
       test.run()`,
    )
    const report = await tree.run()
    assert.is(report.last, '1 passed, 0 failed, 0 skipped', report.text)
    assert.ok(existsSync(beat))
    assert.ok(await ends(Number(readFileSync(beat, 'utf8'))), 'the grandchild still runs')
  } finally {
    tree.remove()
  }
})

/** Waits up to 5 s for a process to end; one that nobody has reaped yet has ended. */
async function ends(pid: number): Promise<boolean> {
  const deadline = performance.now() + 5000
  while (performance.now() < deadline) {
    try {
      process.kill(pid, 0)
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return true
    } catch {
      return true
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return false
}

traps.run()

const skips = suite('skipped tests')

skips('by test.skip are counted and named', async () => {
  const report = await runBody(`test.skip('not here', () => {})\n${OK}`)
  assert.is(report.last, '1 passed, 0 failed, 1 skipped', report.text)
  assert.is(report.code, 0)
  assert.match(
    report.text,
    /skipped:\n {2}packages\/x\/test\/trap\.test\.ts: the unnamed suite, test "not here" \(test\.skip\)\n/,
  )
})

skips('by a printed line are not counted as passed', async () => {
  const report = await runBody(`test('needs nginx', () => { console.log('SKIP: nginx is not installed') })\n${OK}`)
  assert.is(report.last, '1 passed, 0 failed, 1 skipped', report.text)
  assert.match(report.text, /test "needs nginx": nginx is not installed\n/)
})

skips('take a reason that the file prints', async () => {
  const report = await runBody(`console.log('SKIP: no network')\ntest.skip('remote')\n${OK}`)
  assert.is(report.last, '1 passed, 0 failed, 1 skipped', report.text)
  assert.match(report.text, /test "remote" \(test\.skip\): no network\n/)
})

skips('may be all that a file holds', async () => {
  const report = await runBody("test.skip('later')\ntest.run()")
  assert.is(report.last, '0 passed, 0 failed, 1 skipped', report.text)
})

skips('fail where everything is required', async () => {
  const report = await runBody(`test.skip('not here')\n${OK}`, { env: { REQUIRE_ALL: '1' } })
  fails(report, '1 passed, 1 failed, 0 skipped', /skipping is not allowed/)
})

skips.run()

const selection = suite('selection')

selection('runs only what matches, and fails on what matches nothing', async () => {
  const tree = new TrapTree()
  try {
    tree.test('slot', OK)
    tree.test('batch', OK)
    assert.is((await tree.run(['slot'])).last, '1 passed, 0 failed, 0 skipped')
    assert.is((await tree.run(['slot', 'batch', '--jobs', '1'])).last, '2 passed, 0 failed, 0 skipped')
    fails(await tree.run(['slto']), '0 passed, 1 failed, 0 skipped', /no test file has "slto" in its path/)
    fails(await tree.run(['slot', 'slto']), '1 passed, 1 failed, 0 skipped', /no test file has "slto"/)
  } finally {
    tree.remove()
  }
})

selection('goes by the sources: never stale output, never a source without output', async () => {
  const tree = new TrapTree()
  try {
    fails(await tree.run(), '0 passed, 1 failed, 0 skipped', /there is no test file/)
    tree.test('slot', OK)
    tree.write('packages/x/dist/test/gone.test.js', "throw new Error('stale')")
    tree.write('test/sim/new.test.ts', OK)
    fails(await tree.run(), '1 passed, 1 failed, 0 skipped', /FAIL test\/sim\/new\.test\.ts\n.*no compiled output/)
    tree.write('test/dist/sim/new.test.js', `import { test } from 'uvu'\n${OK}`)
    assert.is((await tree.run()).last, '2 passed, 0 failed, 0 skipped')
  } finally {
    tree.remove()
  }
})

selection('refuses unknown options and explains the known ones', async () => {
  const tree = new TrapTree()
  try {
    const refused = await tree.run(['--wach'])
    assert.is(refused.code, 2)
    assert.match(refused.text, /^unknown option --wach\n\nusage:/)
    const help = await tree.run(['--help'])
    assert.is(help.code, 0)
    assert.match(help.text, /^usage: npm test/)
  } finally {
    tree.remove()
  }
})

selection.run()
