import type { ReplicaId } from '@tallymesh/crdt'
import type { HeldDisk } from './trust.js'

/** Ids that a log with a flipped bit said are folded whole. What counts in their place may be what cannot be read of it, and who read it goes
 *  on to say in other logs that they are folded. So what they counted is held only by who holds a log whole that said so then: not by who
 *  holds another one, nor by who holds an older copy of what was folded, which is dropped: nobody could tell whether it would count twice. */
export class DoubtedFolds {
  /** Which logs said so then. */
  readonly #folders = new Map<number, ReadonlySet<ReplicaId>>()

  /** A bit flipped, or was found: what the disks say now. */
  look(disks: Iterable<HeldDisk>): void {
    const all = [...disks]
    for (const id of all.flatMap(disk => [...disk.foldedInDamaged()])) {
      if (!this.#folders.has(id)) this.#folders.set(id, new Set(all.flatMap(disk => [...disk.foldersOf(id)])))
    }
  }

  /** Up to where a disk holds all that a log counted. */
  clockOn(disk: HeldDisk, log: number): number {
    const folders = this.#folders.get(log)
    if (!folders) return disk.wholeClock(log)
    return disk.wholeFoldersOf(log).some(folder => folders.has(folder)) ? Number.POSITIVE_INFINITY : 0
  }
}
