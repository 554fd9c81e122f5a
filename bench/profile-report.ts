import { HOT_PATHS, type HotPath } from './hot-paths.js'
import { allocationsOf, formatShares, timeOf } from './profile.js'
import { Scratch } from './scratch.js'

const WARM_UP_MS = 2_000
const TIME_MS = 5_000
const ALLOCATIONS_MS = 3_000

/** Runs one hot path alone, warmed up, first under the profiler of time and then under that of memory. Answers what to print. */
export async function profileReport(name: string, quick: boolean): Promise<string> {
  const { about, prepare } = HOT_PATHS[name] as HotPath
  const scratch = new Scratch()
  const part = quick ? 5 : 1
  try {
    const { run, node, end } = await prepare(scratch)
    await run(WARM_UP_MS / part)
    const before = node?.stats.commits
    const time = await timeOf(() => run(TIME_MS / part))
    const commits = node && before !== undefined ? node.stats.commits - before : 0
    const allocations = await allocationsOf(() => run(ALLOCATIONS_MS / part))
    await end()
    const percent = (share: number) => `${(share * 100).toFixed(0)} %`
    return [
      `── ${name}: ${about}`,
      `the main thread was busy for ${percent(time.busy)} of the time; all threads took ${percent(time.cpu)} of a core`,
      ...(commits > 0 ? [committed(commits / (TIME_MS / part / 1000), time.cpu)] : []),
      `\nof the main thread's time, by package:\n${formatShares(time.packages)}`,
      `\nby function:\n${formatShares(time.functions)}`,
      `\nallocated: ${(allocations.bytes / 1e6 / (ALLOCATIONS_MS / part / 1000)).toFixed(1)} MB a second, by function:\n${formatShares(allocations.functions)}`,
    ].join('\n')
  } finally {
    scratch.remove()
  }
}

function committed(perSecond: number, cpu: number): string {
  return `${perSecond.toFixed(0)} commits a second, ${((cpu * 1000) / perSecond).toFixed(2)} ms of processor time each, of all threads`
}
