import { failureApart } from './run-seed.js'
import { SimWorker, WorkerLost, type WorkerOptions } from './sim-worker.js'
import type { PlanLimits } from './simulator.js'
import { addTally, emptyTally, type Tally } from './tally.js'
import type { SeedFailure } from './work.js'

export interface HuntOptions {
  readonly worker: WorkerOptions
  /** Seeds `seed` to `seed` + `seeds` − 1. */
  readonly seed: number
  readonly seeds: number
  readonly minutes: number
  readonly limits: PlanLimits
  readonly deep: boolean
  readonly keepGoing: boolean
  readonly jobs: number
}

interface Range {
  readonly from: number
  readonly count: number
}

/** How long a worker shall take for what it is given at once, ms. */
const CHUNK_MS = 400
const CHUNK_SEEDS_MAX = 200

/** Runs seeds in processes until all are done, one failed, the time is over, or it is stopped. */
export class SeedHunt {
  readonly tally: Tally = emptyTally()
  readonly failures: SeedFailure[] = []
  readonly #workers = new Set<SimWorker>()
  readonly #beganMs = performance.now()
  #next: number
  /** Seeds that a worker was lost with, besides the one that lost it. */
  readonly #again: Range[] = []
  #stopped = false
  #endedMs: number | undefined

  constructor(readonly options: HuntOptions) {
    this.#next = options.seed
  }

  /** Wall time since it began, until it ended, ms. */
  get elapsedMs(): number {
    return (this.#endedMs ?? performance.now()) - this.#beganMs
  }

  /** The failure of the smallest seed: the same one however many processes there are. */
  get firstFailure(): SeedFailure | undefined {
    return [...this.failures].sort((a, b) => a.seed - b.seed)[0]
  }

  /** Resolves when all that was begun is done. Never rejects. */
  async run(): Promise<void> {
    const jobs = Math.min(this.options.jobs, this.options.seeds)
    await Promise.all(Array.from({ length: jobs }, () => this.#work()))
    this.#endedMs = performance.now()
  }

  /** Ends it now; what is under way is not counted. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#workers].map(worker => worker.close()))
  }

  async #work(): Promise<void> {
    let worker = this.#start()
    let size = 1
    while (this.#goesOn) {
      const { from, count } = this.#take(size)
      const beganMs = performance.now()
      try {
        await this.#runChunk(worker, from, count)
      } catch (error) {
        if (this.#stopped) break
        this.#lost(error, from, count)
        this.#workers.delete(worker)
        worker = this.#start()
      }
      size = Math.max(1, Math.min(CHUNK_SEEDS_MAX, Math.round((count * CHUNK_MS) / (performance.now() - beganMs))))
    }
    this.#workers.delete(worker)
    await worker.close()
  }

  get #goesOn(): boolean {
    const { seed, seeds, minutes, keepGoing } = this.options
    if (this.#stopped || (this.failures.length > 0 && !keepGoing)) return false
    return (this.#again.length > 0 || this.#next < seed + seeds) && this.elapsedMs < minutes * 60_000
  }

  #take(countMax: number): Range {
    const again = this.#again.pop()
    if (again) return again
    const from = this.#next
    const count = Math.min(countMax, this.options.seed + this.options.seeds - from)
    this.#next += count
    return { from, count }
  }

  #start(): SimWorker {
    const worker = new SimWorker(this.options.worker)
    this.#workers.add(worker)
    return worker
  }

  async #runChunk(worker: SimWorker, from: number, count: number): Promise<void> {
    const { seed: base, limits, deep, keepGoing } = this.options
    const { tally, failures } = await worker.seeds({ type: 'seeds', from, count, base, limits, deep, keepGoing })
    addTally(this.tally, tally)
    this.failures.push(...failures)
  }

  /** A process that dies or hangs is a failure of the seed that it ran. */
  #lost(error: unknown, from: number, count: number): void {
    const { message, stack = '' } = error as Error
    const seed = (error instanceof WorkerLost ? error.seed : undefined) ?? from
    if (seed > from) this.#again.push({ from, count: seed - from })
    if (seed + 1 < from + count) this.#again.push({ from: seed + 1, count: from + count - seed - 1 })
    this.failures.push({ seed, failure: failureApart('process-lost', message, stack) })
  }
}
