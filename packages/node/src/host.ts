import type { Random } from '@tallymesh/crdt'
import { type Dialing, dialWs, type WsDialOptions } from '@tallymesh/link'
import { cryptoRandom } from './random.js'

/** What a node takes from the process around it: time, timers, randomness, and the way to its peers. A simulation gives its
 *  own. Disk and witness are handed in apart. */
export interface Host {
  readonly random: Random
  /** A time that is not expected to be set, ms. */
  nowMs(): number
  /** What the clock on the wall says, ms since 1970: it may be set at any time. */
  wallMs(): number
  /** Runs `act` once, after about `delayMs`. @returns cancels it */
  after(delayMs: number, act: () => void): () => void
  /** Runs `act` every `intervalMs`. @returns ends it */
  every(intervalMs: number, act: () => void): () => void
  /** Runs `act` in another turn of the program, soon: what waits is looked at first. */
  soon(act: () => void): void
  /** As `dialWs`. */
  dial(url: string, options: WsDialOptions): Dialing
}

export const processHost: Host = {
  random: cryptoRandom,
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs)
    return () => clearTimeout(timer)
  },
  every: (intervalMs, act) => {
    const timer = setInterval(act, intervalMs)
    return () => clearInterval(timer)
  },
  soon: act => void setImmediate(act),
  dial: dialWs,
}

/** Another turn of the program, as a promise. */
export function nextTurn(host: Host): Promise<void> {
  return new Promise(resolve => host.soon(resolve))
}
