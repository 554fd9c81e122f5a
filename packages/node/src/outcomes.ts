import { TallymeshError } from '@tallymesh/crdt'
import { CommitPromises } from './commit-promises.js'
import { notReplicated, type Ticket, Tickets, type Wanted } from './tickets.js'

/** By how much of its time less than asked for a count may get that shares a ticket: one in so many. */
const LATE_SHARE = 100

interface Followed {
  readonly wanted: Wanted
  readonly sinceMs: number
  readonly outcome: Promise<void>
}

/** What those are told who counted: the promises of commits, and of counts that other stores have to confirm. */
export class Outcomes {
  readonly promises: CommitPromises
  readonly tickets = new Tickets()
  #latest: Followed | undefined

  /** @param awaited somebody waits for a commit */
  constructor(awaited: (commit: number) => void) {
    this.promises = new CommitPromises(awaited)
  }

  /** Follows a count until other stores confirm it. Counts of one commit that want the same at about the same time share a ticket.
   *  @param durable the promise of its commit
   *  @param open takes a new ticket */
  follow(durable: Promise<void>, wanted: Wanted, nowMs: number, open: (ticket: Ticket) => void): Promise<void> {
    const latest = this.#latest
    const lateMs = wanted.timeoutMs / LATE_SHARE
    if (latest && isSame(latest.wanted, wanted) && nowMs - latest.sinceMs <= lateMs) return latest.outcome
    const { ticket, confirmed } = this.tickets.add(wanted)
    open(ticket)
    const outcome = Promise.all([durable, confirmed]).then(() => undefined)
    outcome.catch(() => {})
    this.#latest = { wanted, sinceMs: nowMs, outcome }
    return outcome
  }

  /** Too few stores confirmed a count in time. Answers what its promise is rejected with. */
  unconfirmed(ticket: number, confirmed: number, wanted: number): TallymeshError {
    const reason = notReplicated(`${confirmed} of ${wanted} stores confirmed it in time`)
    this.tickets.reject(ticket, reason)
    return reason
  }

  /** Gives up what was handed to the disk. What is acknowledged is counted, whoever confirms it.
   *  @param open the commit that increments go into now */
  failWritten(open: number, reason: TallymeshError, why: string): void {
    this.tickets.failUpTo(this.promises.acknowledged, notReplicated(why))
    this.tickets.failUpTo(open - 1, reason)
    this.promises.failBefore(open, reason)
  }

  /** Gives up the commit that increments go into now, too. */
  failOpen(open: number, reason: TallymeshError): void {
    this.tickets.failUpTo(open, reason)
    this.promises.failOpen(reason)
  }
}

/** What those are told whose commit was being written when that happened. */
export function inDoubt(what: string, cause?: TallymeshError): TallymeshError {
  const text = `${what} the commit was written; it may or may not have been counted`
  return cause
    ? new TallymeshError('INDETERMINATE', `${text}: ${cause.message}`, { cause })
    : new TallymeshError('INDETERMINATE', text)
}

function isSame(a: Wanted, b: Wanted): boolean {
  return a.commit === b.commit && a.replicas === b.replicas && a.timeoutMs === b.timeoutMs
}
