import type { DurableLevel } from './durable-level.js'

/** What is written before a database is compacted, at least. */
const WRITTEN_MIN = 512 * 1024
/** LevelDB sees to a larger one alone: to compact it at once would hold up what it has to do meanwhile. */
const BYTES_MAX = 4 * 1024 * 1024
/** Below and above all keys. */
const RANGE = [Buffer.of(), Buffer.of(0xff)] as const
const AS_THEY_LIE = { keyEncoding: 'buffer' } as never

/** Compacts a small database whenever as much was written as it holds. LevelDB itself compacts once four of its write buffers were filled,
 *  and then rewrites nearly all that is live, as the logs of all replicas grow at once. So its write buffer is large, for the sake of
 *  large databases; small ones would become several times as long as what lives in them. */
export class Compaction {
  readonly #level: DurableLevel
  #written = 0
  /** What its tables held when they were looked at last. */
  #held = 0
  #running = false

  constructor(level: DurableLevel) {
    this.#level = level
  }

  /** So many bytes were written. What is to be done is done in LevelDB's own thread, while more is written. */
  wrote(bytes: number): void {
    this.#written += bytes
    if (this.#running || this.#written < Math.max(WRITTEN_MIN, this.#held)) return
    this.#written = 0
    this.#running = true
    // It fails where the database is being closed. Where its disk fails, the next write says so.
    const done = () => {
      this.#running = false
    }
    this.#run().then(done, done)
  }

  async #run(): Promise<void> {
    const level = this.#level
    const range = [RANGE[0] as never, RANGE[1] as never, AS_THEY_LIE] as const
    if ((await level.approximateSize(...range)) <= BYTES_MAX) await level.compactRange(...range)
    this.#held = await level.approximateSize(...range)
  }
}
