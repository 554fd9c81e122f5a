import type { CounterReader } from 'tallymesh'
import type { EventStream } from './event-stream.js'
import { jsonNumber } from './json-number.js'

/** The clients that watch a counter. */
export class Watchers {
  /** How to end each of them, with whether its token is still good. */
  readonly #ends = new Map<() => void, () => boolean>()
  #ended = false

  constructor(readonly watchersMax: number) {}

  get size(): number {
    return this.#ends.size
  }

  get full(): boolean {
    return this.#ends.size >= this.watchersMax
  }

  /** Sends a counter's value now, and then as it changes, until the reader or the node is gone, or `end` is called. Changes
   *  that come faster than every `intervalMs` are sent as one. `admitted` is asked at each `recheck`. */
  async watch(
    counter: Pick<CounterReader, 'key' | 'watch'>,
    stream: EventStream,
    intervalMs: number,
    admitted: () => boolean = () => true,
  ): Promise<void> {
    const values = counter.watch()
    const stop = stopper()
    const end = () => {
      stop.now()
      void values.return()
    }
    this.#ends.set(end, admitted)
    void stream.closed.then(end)
    if (this.#ended) end()
    try {
      const head = `{"key":${JSON.stringify(counter.key)},"value":`
      for await (const value of values) {
        if (!(await stream.send(`${head}${jsonNumber(value)}}`))) break
        await stop.pause(intervalMs)
      }
      if (stream.open) await stream.end('{}', 'end')
    } finally {
      this.#ends.delete(end)
    }
  }

  /** Ends all of them, and each that comes later. They may connect elsewhere. */
  end(): void {
    this.#ended = true
    for (const end of this.#ends.keys()) end()
  }

  /** Ends those that are not admitted any more. */
  recheck(): void {
    for (const [end, admitted] of this.#ends) if (!admitted()) end()
  }
}

/** Pauses that can be ended at once, and then are none any more. */
function stopper() {
  let wake = () => {}
  let stopped = false
  return {
    now: () => {
      stopped = true
      wake()
    },
    pause: (pauseMs: number) =>
      new Promise<void>(resolve => {
        if (stopped) return resolve()
        const timer = setTimeout(resolve, pauseMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
  }
}
