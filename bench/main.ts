import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { argv, exit, stdout } from 'node:process'
import type { Benchmark } from './benchmark.js'
import { runApart } from './benchmark-process.js'
import { crdt } from './crdt.js'
import { dead } from './dead.js'
import { durable } from './durable.js'
import { failover } from './failover.js'
import { growth } from './growth.js'
import { HOT_PATHS } from './hot-paths.js'
import { http } from './http.js'
import { batch } from './http-batch.js'
import { idle } from './idle.js'
import { increment } from './increment.js'
import { lifecycle } from './lifecycle.js'
import { linkBytes } from './link-bytes.js'
import { million } from './million.js'
import { open } from './open.js'
import { operations } from './operations.js'
import { type Options, parseOptions, USAGE } from './options.js'
import { profileReport } from './profile-report.js'
import { recovery } from './recovery.js'
import { replicated } from './replicated.js'
import { type Findings, formatBound, formatTable, judge } from './report.js'
import { type Run, readRuns, writeCharts, writeRun } from './run-file.js'
import { Scratch } from './scratch.js'
import { stall } from './stall.js'
import { steady } from './steady.js'
import { visible } from './visible.js'

const ALL: readonly Benchmark[] = [
  increment,
  durable,
  crdt,
  growth,
  lifecycle,
  dead,
  open,
  million,
  linkBytes,
  idle,
  steady,
  stall,
  replicated,
  visible,
  operations,
  http,
  batch,
  failover,
  recovery,
]

exit(await main(argv.slice(2)))

/** Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let options: Options
  try {
    options = parseOptions(
      args,
      ALL.map(({ name }) => name),
      Object.keys(HOT_PATHS),
    )
  } catch (error) {
    print(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (options.help) print(USAGE)
  else if (options.list) list()
  else if (options.profile.length > 0) {
    print(machine())
    for (const path of options.profile) print(`\n${await profileReport(path, options.quick)}`)
  } else return await measure(options)
  return 0
}

function list(): void {
  for (const { name, about } of ALL) print(`${name.padEnd(12)}${about}`)
  print('\nhot paths:')
  for (const [name, { about }] of Object.entries(HOT_PATHS)) print(`${name.padEnd(14)}${about}`)
}

async function measure(options: Options): Promise<number> {
  const { quick, from, json, charts } = options
  // Asked now: later, the benchmarks themselves are the load.
  const load = loadavg()[0] ?? 0
  const busy = from.length === 0 && load > availableParallelism()
  const chosen = options.names.length === 0 ? ALL : ALL.filter(({ name }) => options.names.includes(name))
  const earlier = from.length > 0 ? readRuns(from) : undefined
  print(`${earlier?.machine ?? machine()}${quick ? '; --quick: only a glance' : ''}`)
  if (busy) print(`The machine is busy (load ${load.toFixed(1)}): speeds below a bound are CLOSE, not FAIL`)
  const found: Findings[] = []
  let broken = false
  for (const benchmark of chosen) {
    const before = earlier?.found.find(({ name }) => name === benchmark.name)
    if (earlier && !before) continue
    print(`\n── ${benchmark.name}: ${benchmark.about}`)
    try {
      // Alone, a benchmark runs in this process, where a profiler sees it; several are kept from each other's garbage.
      const findings = before ?? (await (chosen.length === 1 ? runHere(benchmark, quick) : runApart(benchmark, quick)))
      found.push(findings)
      for (const table of findings.tables) print(`\n${formatTable(table)}`)
      for (const note of findings.notes) print(`\n${note}`)
    } catch (error) {
      broken = true
      print(`${benchmark.name} could not run: ${(error as Error).stack}`)
    }
  }
  const run: Run = { machine: earlier?.machine ?? machine(), found }
  if (json !== undefined) writeRun(json, run)
  if (charts !== undefined) writeCharts(charts, run)
  const failed = options.verdict ? verdicts(found, busy) : 0
  return broken ? 2 : failed > 0 ? 1 : 0
}

async function runHere(benchmark: Benchmark, quick: boolean): Promise<Findings> {
  const scratch = new Scratch()
  try {
    const findings = await benchmark.run({ quick, scratch })
    const notes = scratch.inMemory
      ? [...findings.notes, `${tmpdir()} lies in memory: set TMPDIR to a disk`]
      : findings.notes
    return { name: benchmark.name, ...findings, notes }
  } finally {
    scratch.remove()
  }
}

function verdicts(found: readonly Findings[], busy: boolean): number {
  print('')
  let failed = 0
  for (const { name, bounds } of found) {
    for (const bound of bounds) {
      print(formatBound(name, bound, busy))
      if (judge(bound, busy) === 'FAIL') failed++
    }
  }
  return failed
}

function machine(): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const system = `${process.platform} ${release().split('-')[0]}`
  return `Node ${process.version}, ${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown kind'}, ${memory}, ${system}`
}

function print(text: string): void {
  stdout.write(`${text}\n`)
}
