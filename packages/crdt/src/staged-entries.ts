import type { Batch } from './batch.js'
import type { Digest } from './digest.js'
import { entryIdentity } from './entry.js'
import { dropOf, removedBy } from './ledger-entry.js'
import type { LiveEntries } from './live-entries.js'

interface StagedEntry {
  readonly lo: number
  readonly hi: number
  readonly clock: number
}

const REMOVED: StagedEntry = { lo: 0, hi: 0, clock: -1 }

/** What would be live in a log once new batches are applied to it: nothing of the log changes. */
export class StagedEntries {
  /** By identity; REMOVED where the batches remove it. */
  readonly #staged = new Map<string, StagedEntry>()
  /** The sum over what would be live. */
  readonly digest: Digest

  constructor(readonly live: LiveEntries) {
    this.digest = live.digest.copy()
  }

  /** The batch at `clock` would follow. */
  add({ entries }: Batch, clock: number): void {
    for (const { entry, lo, hi } of entries) {
      for (const identity of removedBy(entry)) this.#replace(identity, REMOVED)
      if (entry.kind === 'drop') continue
      this.#replace(entryIdentity(entry), { lo, hi, clock })
      this.digest.add(lo, hi)
    }
  }

  /** Everything that is live stands behind a gap that ends at `gapEnd`: the rest of what may be dropped was dropped within. */
  closeGap(gapEnd: number): void {
    for (const identity of this.live.othersBelow(gapEnd)) {
      if (dropOf(identity) && !this.#staged.has(identity)) this.#replace(identity, REMOVED)
    }
  }

  /** How many entries of the elements in [from, to) would be live. */
  liveIn(from: number, to: number): number {
    let live = this.live.liveIn(from, to)
    for (const [identity, entry] of this.#staged) {
      const old = this.live.clockOf(identity)
      if (old !== -1 && old >= from && old < to) live--
      if (entry !== REMOVED && entry.clock < to) live++
    }
    return live
  }

  #replace(identity: string, entry: StagedEntry): void {
    const staged = this.#staged.get(identity)
    if (staged) this.digest.subtract(staged.lo, staged.hi)
    else this.live.subtract(identity, this.digest)
    this.#staged.set(identity, entry)
  }
}
