import { TallymeshError } from '@tallymesh/crdt'

const WAITING_MAX = 1_000

interface Waiting {
  readonly run: () => void
  readonly reject: (reason: TallymeshError) => void
}

/** Moments at which no own commit is in flight: what is in the table then is durable, here or where it was counted. */
export class Instants {
  readonly #waiting: Waiting[] = []

  /** @param atRest whether no own commit is in flight */
  constructor(readonly atRest: () => boolean) {}

  /** Runs `run` at the next such moment: at once, or when the commit in flight is durable. `run` must not throw.
   *  @throws TallymeshError NOT_READY where too many wait, or what `refuse` says */
  next<Result>(run: () => Result): Promise<Result> {
    if (this.atRest()) return Promise.resolve(run())
    if (this.#waiting.length === WAITING_MAX) {
      return Promise.reject(new TallymeshError('NOT_READY', `${WAITING_MAX} calls wait for the disk; try again later`))
    }
    return new Promise((resolve, reject) => this.#waiting.push({ run: () => resolve(run()), reject }))
  }

  /** A commit is durable. */
  reached(): void {
    if (this.#waiting.length === 0 || !this.atRest()) return
    for (const { run } of this.#waiting.splice(0)) run()
  }

  /** There will be no such moment. */
  refuse(reason: TallymeshError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
  }
}
