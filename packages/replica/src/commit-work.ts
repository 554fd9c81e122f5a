import type { OtherEntry } from '@tallymesh/crdt'
import type { Commits } from './commits.js'

/** What stands first in a commit. */
export interface CommitWork {
  readonly due: boolean
  /** Whether it asks for a commit of its own at once, where it is due. */
  readonly hurried: boolean
  take(): OtherEntry[]
}

export const NO_WORK: CommitWork = { due: false, hurried: false, take: () => [] }

/** The work on the own log of which there is some, of one kind in a commit: what belongs together is one batch. */
export function firstOf(...works: readonly CommitWork[]): CommitWork {
  return {
    get due() {
      return works.some(({ due }) => due)
    },
    get hurried() {
      return works.some(({ due, hurried }) => due && hurried)
    },
    take() {
      for (const work of works) {
        const entries = work.due ? work.take() : []
        if (entries.length > 0) return entries
      }
      return []
    },
  }
}

/** Asks for commits while the own log holds much that is not live any more, as where a fold ended: each commit empties a part of its head. */
export class Tidying implements CommitWork {
  readonly hurried = false

  constructor(readonly commits: Commits) {}

  get due(): boolean {
    return this.commits.writer?.untidy === true
  }

  take(): OtherEntry[] {
    return []
  }
}
