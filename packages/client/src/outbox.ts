import { type Addition, checkAdditions, checkReplicas, type Replicas } from './addition.js'
import { checkOperation } from './operation.js'

/** An operation as an outbox keeps it. */
export interface KeptOperation {
  readonly id: string
  readonly additions: readonly Addition[]
  /** Undefined: the server's own. */
  readonly replicas?: Replicas | undefined
  /** By the clock of the machine that made it, in ms since 1970. */
  readonly madeAtMs: number
}

/** What changes in an outbox in one step: after a crash, too, either all of it or nothing. */
export interface OutboxChange {
  readonly keep: readonly KeptOperation[]
  /** Ids that leave. */
  readonly drop: readonly string[]
  /** Whether it need not be durable: nothing is kept, and what comes back after a crash counts once all the same. */
  readonly lazy?: boolean
}

/** What an outbox held when it was opened. */
export interface LeftBehind {
  readonly operations: readonly KeptOperation[]
  /** What could not be read, a sentence each. */
  readonly damage: readonly string[]
}

/** Keeps operations from before they are first sent until their end is known, beyond the end of the program. One client uses it
 *  at a time. */
export interface Outbox {
  /** Takes it for this client alone. @throws TallymeshClientError OUTBOX_LOCKED, OUTBOX_FAILED, OUTBOX_UNSUPPORTED */
  open(): Promise<LeftBehind>
  /** Resolves once the change is durable, unless it is lazy.
   *  @throws TallymeshClientError OUTBOX_FAILED, with `counted` `false` where nothing of it was kept for certain, else `'perhaps'` */
  commit(change: OutboxChange): Promise<void>
  /** Lets another client have it, after the commits before. */
  close(): Promise<void>
}

/** Reads what `JSON.parse` made of a kept operation. @throws TallymeshClientError what is wrong with it */
export function parseKept(json: unknown): KeptOperation {
  const { id, additions, replicas, madeAtMs } = Object(json) as Record<keyof KeptOperation, unknown>
  const [checkedId, checkedReplicas] = [checkOperation(id), checkReplicas(replicas)]
  if (checkedId === undefined || typeof madeAtMs !== 'number') throw new Error('it has no id or no time')
  const kept = { id: checkedId, additions: checkAdditions(additions), madeAtMs }
  return checkedReplicas === undefined ? kept : { ...kept, replicas: checkedReplicas }
}
