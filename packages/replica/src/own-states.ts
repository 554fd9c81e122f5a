import { batchChecksum, batchDigest, type ReplicaLog } from '@tallymesh/crdt'
import { type LogState, stateOf } from './protocol.js'

/** For how many commits they are remembered: some 90 bytes each. */
const STATES_MAX = 8_192

/** The states of the own log at its latest durable commits. A process that was set back to an earlier memory goes on, and cleans its log past
 *  that place before long: then these alone tell that what a peer holds of it is another history. */
export class OwnStates {
  readonly #states = new Map<number, LogState>()
  /** Undefined while there is none. */
  latest: LogState | undefined

  /** Those that a log tells which was loaded: each batch that it still holds ends with one. O(remembered) */
  load(log: ReplicaLog): void {
    for (let clock = Math.max(log.head, log.clock - STATES_MAX); clock < log.clock; clock++) {
      const batch = log.element(clock)
      const { lo, hi } = batchDigest(batch)
      this.add({ log: log.id, clock: clock + 1, lo: (lo ^ batchChecksum(batch)) >>> 0, hi })
    }
    this.add(stateOf(log))
  }

  add(state: LogState): void {
    this.latest = state
    this.#states.set(state.clock, state)
    if (this.#states.size > STATES_MAX) this.#states.delete(this.#states.keys().next().value as number)
  }

  /** The state at a clock at which a commit ended; undefined where none did, or it is forgotten. */
  at(clock: number): LogState | undefined {
    return this.#states.get(clock)
  }

  clear(): void {
    this.latest = undefined
    this.#states.clear()
  }
}
