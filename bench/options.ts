import { parseArgs } from 'node:util'

/** How the benchmarks were asked for. */
export interface Options {
  /** Which benchmarks, in order; empty for all. */
  readonly names: readonly string[]
  /** Shorter rounds and smaller rooms: a glance, not a measurement. */
  readonly quick: boolean
  /** Whether figures are held against their bounds. */
  readonly verdict: boolean
  /** Where to write the figures as JSON. */
  readonly json: string | undefined
  /** The directory of the charts. */
  readonly charts: string | undefined
  /** Files with figures of earlier runs that stand for a measurement; empty: measure. */
  readonly from: readonly string[]
  /** Hot paths to be profiled; empty: none. */
  readonly profile: readonly string[]
  readonly list: boolean
  readonly help: boolean
}

export const USAGE = `npm run bench -- [NAME…] [options]

Runs the benchmarks NAME…, or all, each in a process of its own, beside peers that do the same work. Figures are medians
of several rounds in which all contestants take turns, with the smallest and the largest round.

  --list         names the benchmarks and what each must hold, and the hot paths
  --quick        shorter rounds and smaller rooms: a glance, not a measurement
  --json FILE    writes all figures to FILE
  --charts DIR   writes a chart of each table into DIR, as SVG
  --from FILE    takes the figures that --json wrote into FILE instead of measuring; of several, the last that has them
  --profile PATH runs a hot path alone, again and again, and prints where its time goes and what it allocates
  --no-verdict   only measures
  --help         this text

Exits with 1 where a figure misses its bound in every round, and for speeds only if the machine was not busy at the
start; with 2 where a benchmark could not run.
Data is written below $TMPDIR, or /tmp: the figures of what is durable are those of that disk.`

/** @throws TypeError that says which option is wrong */
export function parseOptions(args: readonly string[], known: readonly string[], paths: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      'no-verdict': { type: 'boolean', default: false },
      json: { type: 'string' },
      charts: { type: 'string' },
      profile: { type: 'string', multiple: true, default: [] },
      from: { type: 'string', multiple: true, default: [] },
    },
  })
  for (const name of positionals) {
    if (!known.includes(name)) throw new TypeError(`there is no benchmark ${name}; there are ${known.join(', ')}`)
  }
  for (const path of values.profile) {
    if (!paths.includes(path)) throw new TypeError(`there is no hot path ${path}; there are ${paths.join(', ')}`)
  }
  const { list, help, quick, json, charts, from, profile } = values
  return { names: positionals, quick, verdict: !values['no-verdict'], json, charts, from, profile, list, help }
}
