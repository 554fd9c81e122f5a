import type { Batch } from './batch.js'
import type { Digest } from './digest.js'
import { entryIdentity } from './entry.js'
import { dropOf, removedBy } from './ledger-entry.js'
import type { LiveEntries } from './live-entries.js'

interface StagedEntry {
  readonly lo: number
  readonly hi: number
  /** Of the element that holds it; -1 where the batches remove it. */
  readonly clock: number
  /** Of the element that holds the live one, or -1. */
  readonly before: number
}

/** What would be live in a log once new batches are applied to it: nothing of the log changes. */
export class StagedEntries {
  readonly #staged = new Map<string, StagedEntry>()
  /** The sum over what would be live. */
  readonly digest: Digest

  constructor(readonly live: LiveEntries) {
    this.digest = live.digest.copy()
  }

  /** The batch at `clock` would follow. */
  add({ entries }: Batch, clock: number): void {
    for (const { entry, lo, hi } of entries) {
      for (const identity of removedBy(entry)) this.#replace(identity, 0, 0, -1)
      if (entry.kind === 'drop') continue
      this.#replace(entryIdentity(entry), lo, hi, clock)
      this.digest.add(lo, hi)
    }
  }

  /** Everything that is live stands behind a gap that ends at `gapEnd`: the rest of what may be dropped was dropped within. */
  closeGap(gapEnd: number): void {
    for (const identity of this.live.othersBelow(gapEnd)) {
      if (dropOf(identity) && !this.#staged.has(identity)) this.#replace(identity, 0, 0, -1)
    }
  }

  /** How many entries of the elements in [from, to) would be live. */
  liveIn(from: number, to: number): number {
    let live = this.live.liveIn(from, to)
    for (const { clock, before } of this.#staged.values()) {
      if (before !== -1 && before >= from && before < to) live--
      if (clock !== -1 && clock < to) live++
    }
    return live
  }

  #replace(identity: string, lo: number, hi: number, clock: number): void {
    const staged = this.#staged.get(identity)
    if (staged) this.digest.subtract(staged.lo, staged.hi)
    const before = staged ? staged.before : this.live.subtract(identity, this.digest)
    this.#staged.set(identity, { lo, hi, clock, before })
  }
}
