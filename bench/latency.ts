import { Bench } from 'tinybench'

/** Latencies of one round, in ms. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly mean: number
}

/** Calls `f` again and again for `durationMs`, through tinybench, and nothing else meanwhile. */
export function latencySync(durationMs: number, f: () => void): Latency {
  const bench = roundOf(durationMs, f)
  bench.runSync()
  return resultOf(bench)
}

/** As `latencySync`, for an `f` whose promise is awaited each time. */
export async function latency(durationMs: number, f: () => Promise<unknown>): Promise<Latency> {
  const bench = roundOf(durationMs, f)
  await bench.run()
  return resultOf(bench)
}

function roundOf(durationMs: number, f: () => unknown): Bench {
  // Rounds are warmed up by the rounds before them.
  return new Bench({ time: durationMs, iterations: 1, warmup: false, throws: true }).add('round', f)
}

function resultOf(bench: Bench): Latency {
  const result = bench.tasks[0]?.result
  if (result?.state !== 'completed') throw new Error(`a round did not complete: ${result?.state}`)
  const { p50, p99, mean } = result.latency
  return { p50, p99, mean }
}
