import { setImmediate as turn } from 'node:timers/promises'
import type { Figure, Unit } from './report.js'

/** Something that is measured against others, once in each round. */
export interface Contestant {
  readonly what: string
  readonly peer?: string
  /** One round; answers its sample. */
  readonly run: () => Promise<number> | number
}

/** Runs all contestants in turns, so that a slow minute of the machine strikes all of them, and starts each round with
 *  another one. The first round warms up and is thrown away. */
export async function rounds(count: number, unit: Unit, contestants: readonly Contestant[]): Promise<Figure[]> {
  const samples = new Map<Contestant, number[]>(contestants.map(contestant => [contestant, []]))
  for (let round = 0; round <= count; round++) {
    const first = round % contestants.length
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      await turn()
      const sample = await contestant.run()
      if (round > 0) samples.get(contestant)?.push(sample)
    }
  }
  return contestants.map(contestant => {
    const { what, peer } = contestant
    return { what, unit, samples: samples.get(contestant) ?? [], ...(peer === undefined ? {} : { peer }) }
  })
}

/** How long `f` takes, in ms. */
export async function timed(f: () => Promise<unknown> | unknown): Promise<number> {
  const startMs = performance.now()
  await f()
  return performance.now() - startMs
}

/** Keeps `inFlight` calls of `f` waiting for `durationMs`; answers how many were done in a second. */
export async function pipelined(inFlight: number, durationMs: number, f: () => Promise<unknown>): Promise<number> {
  let done = 0
  const startMs = performance.now()
  let stopped = false
  const timer = setTimeout(() => {
    stopped = true
  }, durationMs)
  const worker = async () => {
    while (!stopped) {
      await f()
      done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  clearTimeout(timer)
  return (done * 1000) / (performance.now() - startMs)
}
