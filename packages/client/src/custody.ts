import type { Addition } from './addition.js'
import { refuse, TallymeshClientError } from './client-error.js'
import type { KeptOperation, LeftBehind, Outbox } from './outbox.js'

const OPERATIONS_MAX = 100_000

interface Kept {
  readonly operation: KeptOperation
  /** Calls that are under way with its id. */
  uses: number
}

/** The use that one client makes of its outbox: knows what is in it, and takes out what no call needs any longer. */
export class Custody {
  readonly #outbox: Outbox
  readonly #kept = new Map<string, Kept>()
  readonly #keeping = new Set<Promise<void>>()
  readonly #dropping = new Set<Promise<void>>()
  readonly #opened: Promise<LeftBehind>
  #failure: { readonly error: unknown } | undefined

  /** Opens the outbox. */
  constructor(outbox: Outbox) {
    this.#opened = this.#open(outbox)
    this.#opened.catch(() => {})
    this.#outbox = outbox
  }

  async #open(outbox: Outbox): Promise<LeftBehind> {
    try {
      const left = await outbox.open()
      for (const operation of left.operations) this.#use(operation)
      return left
    } catch (error) {
      throw error instanceof TallymeshClientError ? error : failed('the outbox cannot be opened', error, false)
    }
  }

  /** What earlier clients left; it is in use until it is dropped. @throws TallymeshClientError as `Outbox.open` */
  get left(): Promise<LeftBehind> {
    return this.#opened
  }

  /** Resolves once the operations are durable; a rejection that nobody handles is no harm.
   *  @param instead an id that leaves in the same step
   *  @throws TallymeshClientError (as a rejection) BUFFER_FULL, OPERATION_MISMATCH, and as `Outbox.open` and `Outbox.commit` */
  keep(operations: readonly KeptOperation[], instead?: string): Promise<void> {
    const keeping = this.#keep(operations, instead)
    this.#keeping.add(keeping)
    const ended = (): boolean => this.#keeping.delete(keeping)
    keeping.then(ended, error => {
      this.#failure ??= { error }
      ended()
    })
    return keeping
  }

  async #keep(operations: readonly KeptOperation[], instead: string | undefined): Promise<void> {
    await this.#opened
    if (this.#kept.size + operations.length > OPERATIONS_MAX) {
      throw refuse('BUFFER_FULL', `${this.#kept.size} operations wait in the outbox already; this one was not counted`)
    }
    for (const operation of operations) {
      const known = this.#kept.get(operation.id)?.operation
      if (known === undefined || sameCounts(known, operation)) continue
      const what = `operation ${operation.id} is under way with other counts; these were not counted`
      throw new TallymeshClientError('OPERATION_MISMATCH', what)
    }
    for (const operation of operations) this.#use(operation)
    try {
      await this.#outbox.commit({ keep: operations, drop: instead === undefined ? [] : [instead] })
      if (instead !== undefined) this.#kept.delete(instead)
    } catch (error) {
      for (const { id } of operations) this.#unuse(id)
      if (error instanceof TallymeshClientError) throw error
      throw failed('the outbox failed; nothing was sent, but what it kept of this will be', error, 'perhaps')
    }
  }

  #use(operation: KeptOperation): void {
    const kept = this.#kept.get(operation.id) ?? { operation, uses: 0 }
    kept.uses++
    this.#kept.set(operation.id, kept)
  }

  /** Answers whether that was the last use. */
  #unuse(id: string): boolean {
    const kept = this.#kept.get(id)
    if (kept === undefined || --kept.uses > 0) return false
    return this.#kept.delete(id)
  }

  /** A call with this id is settled.
   *  @param durable whether it must not come back after a crash
   *  @throws TallymeshClientError OUTBOX_FAILED (as a rejection) where that cannot be made sure */
  async drop(id: string, durable = false): Promise<void> {
    if (!this.#unuse(id)) return
    const dropping = this.#outbox.commit({ keep: [], drop: [id], ...(durable ? {} : { lazy: true }) })
    const ended = dropping.catch(() => {})
    this.#dropping.add(ended)
    await (durable ? dropping : ended).finally(() => this.#dropping.delete(ended))
  }

  /** Resolves once all that was given to be kept by now is. @throws the first failure of `keep` that this did not throw before */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#keeping)
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure.error
  }

  async close(): Promise<void> {
    await Promise.all(this.#dropping)
    await this.#opened.then(
      () => this.#outbox.close(),
      () => {},
    )
  }
}

function sameCounts(a: KeptOperation, b: KeptOperation): boolean {
  const [totals, others] = [a, b].map(({ additions }) => totalsOf(additions)) as [Totals, Totals]
  return totals.size === others.size && [...totals].every(([name, total]) => others.get(name) === total)
}

type Totals = ReadonlyMap<string, bigint>

/** Increments and decrements of each key. */
function totalsOf(additions: readonly Addition[]): Totals {
  const totals = new Map<string, bigint>()
  for (const { key, add } of additions) {
    const name = `${Math.sign(add)} ${key}`
    totals.set(name, (totals.get(name) ?? 0n) + BigInt(add))
  }
  return totals
}

function failed(what: string, cause: unknown, counted: false | 'perhaps'): TallymeshClientError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TallymeshClientError('OUTBOX_FAILED', `${what}: ${reason}`, { counted, cause })
}
