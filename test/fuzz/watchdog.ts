import { Worker } from 'node:worker_threads'
import { keepFailure, repeatCommand } from './failures.js'

/** How long the thread may stand still over one input, in ms. */
const STILL_MS_MAX = 20_000
const INPUT_BYTES_MAX = 2_000_000
const NAME_BYTES_MAX = 64
/** Words of the shared header: which input is under way (0: none), its length, the length of the target's name. */
export const HEADER_BYTES = 12

export interface WatchdogMemory {
  readonly shared: SharedArrayBuffer
  readonly stillMsMax: number
}

/** Watches, from a thread of its own, that the reader of an input comes back: a loop without end cannot be told from
 *  within. One that does not is shown, and the process is ended. */
export class Watchdog {
  readonly #shared = new SharedArrayBuffer(HEADER_BYTES + NAME_BYTES_MAX + INPUT_BYTES_MAX)
  readonly #header = new Uint32Array(this.#shared, 0, 3)
  readonly #name = new Uint8Array(this.#shared, HEADER_BYTES, NAME_BYTES_MAX)
  readonly #input = new Uint8Array(this.#shared, HEADER_BYTES + NAME_BYTES_MAX)
  readonly #worker: Worker
  #count = 0

  constructor(stillMsMax = STILL_MS_MAX) {
    const memory: WatchdogMemory = { shared: this.#shared, stillMsMax }
    this.#worker = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData: memory })
    this.#worker.unref()
    process.on('exit', this.#exit)
  }

  begin(target: string, bytes: Uint8Array): void {
    this.#header[2] = new TextEncoder().encodeInto(target, this.#name).written
    this.#input.set(bytes.subarray(0, INPUT_BYTES_MAX))
    this.#header[1] = bytes.length
    this.#count = (this.#count % 0xffffffff) + 1
    Atomics.store(this.#header, 0, this.#count)
  }

  end(): void {
    Atomics.store(this.#header, 0, 0)
  }

  /** A reader that throws where nobody can catch it ends the process. */
  readonly #exit = () => {
    if (Atomics.load(this.#header, 0) === 0) return
    const name = new TextDecoder().decode(this.#name.slice(0, this.#header[2]))
    const input = this.#input.slice(0, this.#header[1])
    const path = keepFailure(name, input)
    console.log(`${name}: the process ended over the ${input.length} bytes in ${path}`)
    console.log(`  repeat it by: ${repeatCommand(name, input, path, undefined)}`)
  }

  async close(): Promise<void> {
    process.off('exit', this.#exit)
    await this.#worker.terminate()
  }
}
