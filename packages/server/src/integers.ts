import type { ServerOptions } from './options.js'

/** The options that are numbers, with their defaults and bounds. */
export const INTEGERS = {
  drainMs: [5_000, 0, 600_000],
  leaveTimeoutMs: [30_000, 1, 600_000],
  shutdownTimeoutMs: [10_000, 0, 600_000],
  afterTimeoutMs: [2_000, 0, 600_000],
  readyBehindMax: [10_000, 0, Number.MAX_SAFE_INTEGER],
  joinTimeoutMs: [5_000, 0, 600_000],
  bodyBytesMax: [2 ** 20, 2 ** 10, 2 ** 26],
  importBytesMax: [2 ** 28, 2 ** 10, 2 ** 36],
  connectionsMax: [1_024, 1, 1_000_000],
  watchersMax: [1_000, 0, 1_000_000],
  watchStallMs: [10_000, 10, 600_000],
  headersTimeoutMs: [10_000, 10, 600_000],
  bodyTimeoutMs: [15_000, 10, 600_000],
  metricsCountersMax: [10_000, 0, 1_000_000],
} as const satisfies Partial<Record<keyof ServerOptions, readonly [number, number, number]>>
