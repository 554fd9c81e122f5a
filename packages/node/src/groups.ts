import { checkSignedAmount, TallymeshError } from '@tallymesh/crdt'
import type { Cell, Commits, GroupCount } from '@tallymesh/replica'
import { type AddOptions, checkAddOptions } from './add-options.js'

/** One count of a group. */
export interface GroupEntry {
  readonly cell: Cell
  /** A safe integer other than 0; negative: decrements. */
  readonly add: number
}

/** What groups need of the engine. */
export interface GroupOwner {
  readonly commits: Commits
  readonly refusal: TallymeshError | undefined
  counted(): Promise<void>
  follow(options: AddOptions): Promise<void>
  refuse(reason: unknown): Promise<never>
}

interface WaitingGroup {
  readonly counts: readonly GroupCount[]
  readonly options: AddOptions | undefined
  readonly resolve: (outcome: Promise<void>) => void
}

const WAITING_MAX = 10_000
/** Over all groups that wait: about 56 bytes each. */
const WAITING_COUNTS_MAX = 500_000

/** Counts that go into one commit together, or not at all. Those that the open commit cannot take wait, uncounted, in the order
 *  of their calls. */
export class Groups {
  #waiting: WaitingGroup[] = []
  /** Over all groups that wait. */
  #waitingCounts = 0

  constructor(readonly owner: GroupOwner) {}

  /** Counts all of `entries` in one commit, or nothing. Where a large commit is being written in parts, or the open one is
   *  full, they wait, uncounted, for the next one.
   *  @throws TallymeshError (as a rejection) as `Counter.increment`; INVALID_OPTION for other than 1 to 2,000 entries */
  add(entries: readonly GroupEntry[], options: AddOptions | undefined): Promise<void> {
    const { owner } = this
    let counts: readonly GroupCount[]
    try {
      counts = groupCounts(entries, owner.commits.groupCellsMax)
      if (options !== undefined) checkAddOptions(options)
      if (owner.refusal) throw owner.refusal
    } catch (error) {
      return owner.refuse(error)
    }
    if (this.#waiting.length === 0 && owner.commits.admits(counts)) return this.#count(counts, options)
    if (this.#waiting.length === WAITING_MAX || this.#waitingCounts + counts.length > WAITING_COUNTS_MAX) {
      const text = `${this.#waiting.length} groups wait for the disk already; nothing was counted. Try again later`
      return owner.refuse(new TallymeshError('NOT_READY', text))
    }
    this.#waitingCounts += counts.length
    const outcome = new Promise<void>(resolve => this.#waiting.push({ counts, options, resolve }))
    outcome.catch(() => {})
    return outcome
  }

  /** A commit was written: groups that wait may find room in the open one. */
  admit(): void {
    if (this.#waiting.length === 0) return
    let admitted = 0
    for (const { counts, options, resolve } of this.#waiting) {
      if (!this.owner.commits.admits(counts)) break
      admitted++
      this.#waitingCounts -= counts.length
      resolve(this.#count(counts, options))
    }
    this.#waiting.splice(0, admitted)
  }

  /** Nothing more is counted now. */
  refuse(reason: TallymeshError): void {
    this.#waitingCounts = 0
    for (const { resolve } of this.#waiting.splice(0)) resolve(this.owner.refuse(reason))
  }

  #count(counts: readonly GroupCount[], options: AddOptions | undefined): Promise<void> {
    const { owner } = this
    try {
      owner.commits.addGroup(counts)
    } catch (error) {
      return owner.refuse(error)
    }
    return options === undefined ? owner.counted() : owner.follow(options)
  }
}

/** The sums for each cell. @throws TallymeshError INVALID_OPTION, INVALID_AMOUNT, COUNTER_OVERFLOW */
function groupCounts(entries: readonly GroupEntry[], countsMax: number): readonly GroupCount[] {
  if (entries.length === 0 || entries.length > countsMax) {
    const text = `a group takes 1 to ${countsMax} counts, got ${entries.length}; nothing was counted`
    throw new TallymeshError('INVALID_OPTION', text)
  }
  const sums: Array<{ readonly cell: Cell; p: number; n: number }> = []
  for (const { cell, add } of entries) {
    checkSignedAmount(add)
    let sum = sums[cell.place]
    if (sum?.cell !== cell) cell.place = sums.push((sum = { cell, p: 0, n: 0 })) - 1
    const amount = Math.abs(add)
    const total = add > 0 ? sum.p : sum.n
    if (total + amount > Number.MAX_SAFE_INTEGER) {
      const what = add > 0 ? 'increments' : 'decrements'
      const text = `${cell.key} has ${total} ${what} in this group; ${amount} more would pass 2^53 - 1. Nothing was counted`
      throw new TallymeshError('COUNTER_OVERFLOW', text)
    }
    if (add > 0) sum.p += amount
    else sum.n += amount
  }
  return sums
}
