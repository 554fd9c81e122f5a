import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Coverage } from './coverage.js'
import { findTests, type TestFile } from './find-tests.js'
import { readJournal } from './journal.js'
import { FileQueue, type Held } from './lanes.js'
import { type Options, readOptions, USAGE } from './options.js'
import { Programs } from './programs.js'
import type { Ran } from './run-process.js'
import { TestProcess } from './test-process.js'
import { judge, type Verdict } from './verdict.js'

/** The deadline of a test file that does not ask for a longer one. */
export const DEADLINE_MS = 120_000
/** Tests that start nodes in processes of their own, over and over. */
const PROGRAM_STARTERS = /^(?:packages\/server\/test\/(?:cli|cluster)|test\/(?:client|cluster|faults|system))\//

export interface Run {
  /** The directory that holds `packages/` and `test/`. */
  readonly root: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly deadlineMs: number
  /** Takes the report, in pieces that end with a line end. */
  readonly print: (text: string) => void
}

/** Runs the tests that `args` select and prints the report; its last line is `N passed, N failed, N skipped`.
 *  Answers the exit code: 0 all passed, 1 something failed, 2 the arguments are wrong. */
export async function runTests(run: Run): Promise<number> {
  let options: Options
  try {
    options = readOptions(run.args)
  } catch (error) {
    run.print(`${(error as Error).message}\n\n${USAGE}\n`)
    return 2
  }
  if (options.help) {
    run.print(`${USAGE}\n`)
    return 0
  }
  const sums = { passed: 0, failed: 0, skipped: 0 }
  const files = select(run, options, sums)
  const coverage = options.coverage && files.length > 0 ? new Coverage(run.root) : undefined
  const programs = files.some(startsPrograms) ? await Programs.bundle(run.root) : undefined
  const prepared = { ...run, env: { ...run.env, ...programs?.env } }
  const skips: string[] = []
  const queue = new FileQueue(files)
  const lane = (): Promise<void> =>
    runLane(queue, prepared, coverage, (file, verdict) => {
      skips.push(...verdict.skips.map(line => `${file.source}: ${line}`))
      sums.passed += verdict.passed
      sums.failed += verdict.failed
      sums.skipped += verdict.skipped
    })
  await Promise.all(Array.from({ length: options.jobs }, lane))
  if (coverage) {
    const enough = await coverage.report({ check: options.select.length === 0, print: run.print })
    if (!enough) sums.failed++
  }
  if (skips.length > 0)
    run.print(
      `\nskipped:\n${skips
        .sort()
        .map(line => `  ${line}\n`)
        .join('')}`,
    )
  run.print(`\n${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped\n`)
  return sums.failed === 0 ? 0 : 1
}

function startsPrograms({ source }: TestFile): boolean {
  return PROGRAM_STARTERS.test(source)
}

/** The files to run. A part that selects nothing, and a tree without tests, is a failure. */
function select(run: Run, options: Options, sums: { failed: number }): TestFile[] {
  const all = findTests(run.root, run.deadlineMs)
  if (all.length === 0) {
    run.print(`FAIL there is no test file below ${run.root}\n`)
    sums.failed++
  }
  for (const part of options.select) {
    if (all.some(file => file.source.includes(part))) continue
    run.print(`FAIL no test file has ${JSON.stringify(part)} in its path\n`)
    sums.failed++
  }
  if (options.select.length === 0) return all
  return all.filter(file => options.select.some(part => file.source.includes(part)))
}

/** Runs files until none is left. A process is kept for the next file of its group, unless something was wrong with this one. */
async function runLane(
  queue: FileQueue,
  run: Run,
  coverage: Coverage | undefined,
  take: (file: TestFile, verdict: Verdict) => void,
): Promise<void> {
  let held: Held | undefined
  for (let file = queue.take(undefined); file !== undefined; file = queue.take(file.group)) {
    if (held !== undefined && (held.group !== file.group || !held.process.usable)) {
      await held.process.end()
      held = undefined
    }
    // What crosses packages is slow enough, and their own tests cover them.
    const env = childEnv(run.env, file.source.startsWith('packages/') ? coverage : undefined)
    held ??= { process: new TestProcess({ cwd: run.root, env }), group: file.group }
    const verdict = await runFile(run, file, held.process)
    take(file, verdict)
    if (verdict.failed === 0) continue
    await held.process.end()
    held = undefined
  }
  await held?.process.end()
}

async function runFile(run: Run, file: TestFile, process: TestProcess): Promise<Verdict> {
  if (!existsSync(file.compiled)) {
    run.print(`FAIL ${file.source}\n     it has no compiled output; run npm run build\n`)
    return { passed: 0, failed: 1, skipped: 0, problems: [], skips: [] }
  }
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-run-'))
  try {
    const journal = join(dir, 'journal')
    const before = process.files
    const ran = await process.run({ file: file.compiled, journal, deadlineMs: file.deadlineMs })
    const verdict = judge(readJournal(journal), ran.ending, run.env.REQUIRE_ALL === '1')
    run.print(describe(file, verdict, ran, before))
    return verdict
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The environment of a test: without colours, and with coverage only where this run measures it. */
function childEnv(env: NodeJS.ProcessEnv, coverage: Coverage | undefined): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _color, ...rest } = env
  // Left out, Node would hand down its own value; empty, nothing is measured.
  return { ...rest, NO_COLOR: '1', NODE_V8_COVERAGE: coverage?.dir ?? '' }
}

/** @param before how many files its process had run before */
function describe(file: TestFile, verdict: Verdict, { durationMs, output }: Ran, before: number): string {
  const { passed, failed, skipped } = verdict
  const counts = [`${passed} passed`]
  if (failed > 0) counts.push(`${failed} failed`)
  if (skipped > 0) counts.push(`${skipped} skipped`)
  const line = `${failed > 0 ? 'FAIL' : 'ok  '} ${file.source}  ${counts.join(', ')}  ${(durationMs / 1000).toFixed(1)} s\n`
  if (failed === 0) return line
  const problems = verdict.problems.map(problem => `     ${problem.replaceAll('\n', '\n     ')}\n`).join('')
  const shown = output.trim() === '' ? '' : `${output.trimEnd().replace(/^/gm, '     | ')}\n`
  const shared =
    before === 0 ? '' : `     its process had run ${before} file(s) before; does it fail on its own, too?\n`
  return line + problems + shared + shown
}
