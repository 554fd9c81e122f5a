import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chart } from './chart.js'
import type { Findings } from './report.js'

/** What `--json` writes: the figures of a run and where they were found. */
export interface Run {
  readonly machine: string
  readonly found: readonly Findings[]
}

export function writeRun(path: string, run: Run): void {
  writeFileSync(path, `${JSON.stringify(run, null, 2)}\n`)
}

/** Runs of one machine as one: what a later one found again replaces what an earlier one found. */
export function readRuns(paths: readonly string[]): Run {
  const runs = paths.map(path => JSON.parse(readFileSync(path, 'utf8')) as Run)
  const found = new Map(runs.flatMap(run => run.found.map(findings => [findings.name, findings] as const)))
  return { machine: runs.at(-1)?.machine ?? 'an unknown machine', found: [...found.values()] }
}

/** Writes a chart of each table, `NAME-1.svg` and so on. */
export function writeCharts(directory: string, { machine, found }: Run): void {
  mkdirSync(directory, { recursive: true })
  for (const { name, tables, bounds } of found) {
    for (const [i, table] of tables.entries()) {
      writeFileSync(
        join(directory, `${name}-${i + 1}.svg`),
        chart(table, bounds, `npm run bench -- ${name} · ${machine}`),
      )
    }
  }
}
