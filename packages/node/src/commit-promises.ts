import type { TallymeshError } from '@tallymesh/crdt'
import { CommitPromise } from './commit-promise.js'

/** Whoever waited for a commit, and counts again once it has that, most likely waits for the next one, too: so many are not watched. */
const PRESUMED_MAX = 15

/** The promises of all commits that are not acknowledged yet: of the one that increments go into now, and of those that wait
 *  for the disk. */
export class CommitPromises {
  #open: CommitPromise
  readonly #waiting: CommitPromise[] = []
  /** The last commit that was acknowledged. */
  acknowledged = 0

  /** How many commits are presumed to be awaited yet. */
  #presumed = 0

  /** @param awaited somebody waits for a commit */
  constructor(readonly awaited: (commit: number) => void) {
    this.#open = new CommitPromise(1, this.#awaited)
  }

  /** Whether the commit that increments go into now is presumed to be awaited: nobody will tell. */
  get presumed(): boolean {
    return this.#open.awaited === undefined
  }

  /** The promise of commit `open`, which increments go into now. Allocates once a commit. */
  of(open: number): Promise<void> {
    if (this.#open.commit !== open) this.#renew(open)
    return this.#open.promise
  }

  /** Commits up to `commit` are durable. */
  acknowledge(commit: number, open: number): void {
    this.acknowledged = commit
    if (this.#open.commit <= commit) this.#renew(open, this.#presumed > 0)
    while (this.#waiting[0] && this.#waiting[0].commit <= commit) this.#waiting.shift()?.resolve()
  }

  /** Gives up the commits before `open`: they were handed to a disk that failed. */
  failBefore(open: number, reason: TallymeshError): void {
    if (this.#open.commit !== open) this.#renew(open)
    for (const waiting of this.#waiting.splice(0)) waiting.reject(reason)
  }

  /** Gives up the commit that increments go into now, too. */
  failOpen(reason: TallymeshError): void {
    this.#open.reject(reason)
  }

  #renew(open: number, presumed = false): void {
    this.#waiting.push(this.#open)
    if (presumed) this.#presumed--
    this.#open = new CommitPromise(open, presumed ? undefined : this.#awaited)
  }

  readonly #awaited = (commit: number) => {
    this.#presumed = PRESUMED_MAX
    this.awaited(commit)
  }
}
