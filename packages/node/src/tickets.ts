import { TallymeshError } from '@tallymesh/crdt'
import type { WriteConcern } from '@tallymesh/replica'

/** What a count waits for. */
export interface Wanted {
  /** The commit that carries it. */
  readonly commit: number
  readonly replicas: WriteConcern
  readonly timeoutMs: number
}

/** Counts that wait for more than the local disk. */
export interface Ticket extends Wanted {
  readonly ticket: number
}

interface Waiting extends Ticket {
  readonly resolve: () => void
  readonly reject: (reason: TallymeshError) => void
}

/** The counts that wait until other stores confirm them. */
export class Tickets {
  readonly #waiting = new Map<number, Waiting>()
  #next = 1

  /** Those that still wait. */
  values(): IterableIterator<Ticket> {
    return this.#waiting.values()
  }

  add(wanted: Wanted): { ticket: Ticket; confirmed: Promise<void> } {
    const ticket = { ticket: this.#next++, ...wanted }
    const confirmed = new Promise<void>((resolve, reject) => {
      this.#waiting.set(ticket.ticket, { ...ticket, resolve, reject })
    })
    return { ticket, confirmed }
  }

  confirm(ticket: number): void {
    this.#take(ticket)?.resolve()
  }

  reject(ticket: number, reason: TallymeshError): void {
    this.#take(ticket)?.reject(reason)
  }

  /** Gives up those whose commits are at most `commit`. */
  failUpTo(commit: number, reason: TallymeshError): void {
    for (const { ticket, commit: own } of this.#waiting.values()) if (own <= commit) this.reject(ticket, reason)
  }

  #take(ticket: number): Waiting | undefined {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    return waiting
  }
}

/** Counted and durable here, but not confirmed by as many stores as were asked for, because of `why`. */
export function notReplicated(why: string): TallymeshError {
  return new TallymeshError('NOT_REPLICATED', `counted and durable here, but ${why}; it will spread: do not retry`)
}
