import {
  absorbedUnder,
  type CounterKey,
  hashCounts,
  hashOf,
  type OperationCount,
  type OperationEntry,
  type OperationHash,
  type OperationId,
  operationTimeMs,
  pointOf,
  type ReplicaId,
  showOperationId,
  TallymeshError,
} from '@tallymesh/crdt'
import { Admission } from './admission.js'
import { overflow } from './cell.js'
import { firstOf, Tidying } from './commit-work.js'
import type { Commits } from './commits.js'
import { Folding } from './folding.js'
import type { Membership } from './membership.js'
import { checkSize, full, mismatch, unavailable } from './operation-refusals.js'
import type { Peers } from './peers.js'
import type { ReplicaOptions } from './replica-options.js'
import type { Room } from './room.js'
import { Settling } from './settling.js'
import { Stands } from './stands.js'

export interface OperationFigures {
  /** Those whose ids are remembered: open ones, and settled ones whose retry window is not over. */
  readonly known: number
  /** Those that are not settled yet. */
  readonly open: number
  /** For how long the oldest open one was seen by this process, in ms; 0 where none is open. */
  readonly oldestMs: number
  /** How many may be open, and how many are remembered before those with a time are forgotten early. */
  readonly max: number
  /** Whether this node takes operations; false also where nobody asked it to yet. */
  readonly admitted: boolean
  /** Names of the members that are away, where settling or admission waits for them. */
  readonly waitsFor: readonly string[]
}

type OperationsOptions = Pick<
  ReplicaOptions,
  'store' | 'operationsMax' | 'retryWindowMs' | 'foldAfterMs' | 'foldGraceMs' | 'removedKeptMax'
>

const OPERATIONS_MAX = 500_000
const RETRY_WINDOW_MS = 600_000
const FOLD_AFTER_MS = 60_000
const FOLD_GRACE_MS = 86_400_000
const REMOVED_KEPT_MAX = 16
/** Below both no slot can run full by what waits for a commit. */
const LARGE_AMOUNT = 2 ** 40
const LARGE_TOTAL = 2 ** 52

/** Counts with an id: each operation counts once, however often and on whichever nodes it is tried. */
export class Operations {
  readonly stands: Stands
  readonly settling: Settling
  readonly folding: Folding
  readonly #admission: Admission
  /** A damaged log may have told of operations that are known nowhere now. */
  #lost = false
  #seenVersion = 0
  #seenMs = 0
  /** Ids that were made up to here are unknown for good, in ms since 1970. */
  #floorMs = 0
  readonly operationsMax: number
  readonly retryWindowMs: number

  constructor(
    options: OperationsOptions,
    readonly room: Room,
    readonly commits: Commits,
    members: Membership,
    peers: Peers,
  ) {
    this.operationsMax = options.operationsMax ?? OPERATIONS_MAX
    this.retryWindowMs = options.retryWindowMs ?? RETRY_WINDOW_MS
    this.stands = new Stands(room, commits, members, peers)
    this.#admission = new Admission(options.store, room, commits, this.stands)
    const { foldAfterMs: afterMs = FOLD_AFTER_MS, foldGraceMs: graceMs = FOLD_GRACE_MS } = options
    const { removedKeptMax = REMOVED_KEPT_MAX } = options
    this.folding = new Folding(room, commits, peers, this.stands, this.#admission, { afterMs, graceMs, removedKeptMax })
    const isFinal = (log: ReplicaId) => this.folding.isFinal(log)
    this.settling = new Settling(room, commits, this.stands, this.retryWindowMs, this.operationsMax, isFinal)
    commits.work = firstOf(this.settling, this.folding, new Tidying(commits))
  }

  /** Whether this node may take operations now. Asking makes it ask the room, where it may not yet. */
  admitted(): boolean {
    return this.#admission.ask()
  }

  /** Whether this node was admitted under its id: nothing is forgotten from then on that it does not know. */
  get isAdmitted(): boolean {
    return this.#admission.admitted
  }

  /** Of a log not everything could be read that it says of operations. Where no other store knows it either, an id from before now may have
   *  counted: it is refused from now on. */
  lost(): void {
    this.#lost = true
  }

  /** Operations as this node knows them. */
  get figures(): OperationFigures {
    const { operations, open, nowMs } = this.room.ledger
    const { sinceMs = nowMs } = open
    const waits = open.size > 0 || (this.#admission.asked && !this.#admission.admitted)
    return {
      ...{ known: operations.size, open: open.size, oldestMs: nowMs - sinceMs },
      ...{ max: this.operationsMax, admitted: this.#admission.admitted },
      waitsFor: waits ? [...this.stands.away()] : [],
    }
  }

  /** The operations that count beside the slots now. */
  openIds(): OperationId[] {
    return this.room.ledger.open.all().map(({ id }) => id)
  }

  isOpen(id: OperationId): boolean {
    return this.room.ledger.operations.get(id)?.counted === true
  }

  /** Whether `take` may be called: it is admitted, or the operation is known here anyway. */
  answers(id: OperationId): boolean {
    return this.#admission.admitted || this.#known(id) !== undefined || this.admitted()
  }

  /** Counts an operation into the open commit, or recognizes it. Answers whether it is new here.
   *  @param counts in the order of their keys, each key once, at least one
   *  @param wallMs ms since 1970
   *  @throws TallymeshError OPERATION_MISMATCH, OPERATION_TOO_LARGE, OPERATION_EXPIRED, INVALID_OPERATION, OPERATIONS_FULL,
   *    OPERATIONS_UNAVAILABLE, COUNTER_OVERFLOW; nothing was counted then */
  take(id: OperationId, counts: readonly OperationCount[], wallMs: number): 'new' | 'known' {
    checkSize(id, counts)
    const known = this.#known(id)
    if (known) {
      const { lo, hi } = hashCounts(counts)
      if (known.lo !== lo || known.hi !== hi) throw mismatch(id)
      return 'known'
    }
    if (!this.admitted()) throw unavailable()
    this.#raiseFloor(wallMs)
    this.#checkTime(id, wallMs)
    this.#checkFull()
    for (const count of counts) this.#checkRoom(count)
    this.commits.carry({ kind: 'operation', id, counts })
    return 'new'
  }

  /** Carries an operation that is known here in the own log as well, so that it can be followed like an own count. Answers
   *  whether that makes sense: what is settled was confirmed by every member. */
  carryToo(id: OperationId): boolean {
    const operation = this.room.ledger.operations.get(id)
    if (operation && operation.settlers.length > 0) return false
    if (operation?.counts && this.admitted()) this.commits.carry({ kind: 'operation', id, counts: operation.counts })
    return this.commits.extra.operation(id) !== undefined
  }

  /** A disk failed while this operation was written, or before: unless the disk has it, it is written again. */
  takeOver(entry: OperationEntry): void {
    if (!this.room.ledger.operations.has(entry.id)) this.commits.carry(entry)
  }

  /** Whether what is known of an operation is durable: here, or where it was taken. */
  isDurable(id: OperationId): boolean {
    const operation = this.room.ledger.operations.get(id)
    if (!operation) return false
    const { replica, state, inFlight } = this.commits
    // An id that was given up may still have its last commit in flight.
    const foreign = (log: ReplicaId) => log !== replica && log !== inFlight?.replica
    const { carriers, settlers } = operation
    if (settlers.some(({ log }) => foreign(log)) || carriers.some(({ log }) => foreign(log))) return true
    const own = replica === undefined ? undefined : pointOf(carriers, replica)
    const clock = (own ?? settlers[0])?.clock ?? Number.POSITIVE_INFINITY
    return state !== undefined && clock <= state.clock
  }

  /** Looks at what came. Answers whether this node was admitted just now. */
  look(nowMs: number, wallMs: number): boolean {
    this.room.ledger.nowMs = nowMs
    if (wallMs > 0) this.#raiseFloor(wallMs)
    const { version } = this.room.ledger
    const ticked = nowMs !== this.#seenMs
    if (version === 0 && !this.#admission.asked && !ticked) return false
    // Who waits for the first call may find a member away by then.
    if (version !== this.#seenVersion && !this.#admission.asked) this.#admission.asked = this.#inUse
    const moved = this.stands.look()
    if (moved || version !== this.#seenVersion || ticked) this.settling.look(nowMs, wallMs)
    if (moved || ticked) this.folding.look(nowMs)
    this.#seenVersion = version
    this.#seenMs = nowMs
    return this.#admission.look()
  }

  /** Whether some node of the room takes operations. */
  get #inUse(): boolean {
    for (const { admission } of this.room.ledger.logs.values()) if (admission) return true
    return false
  }

  /** The hash of an operation that is known here. */
  #known(id: OperationId): OperationHash | undefined {
    const operation = this.room.ledger.operations.get(id)
    if (operation) return hashOf(operation)
    const waiting = this.commits.extra.operation(id)
    return waiting && hashCounts(waiting.counts)
  }

  /** Settled ones beyond the bound are forgotten early where they may be: past twice as many they could not. */
  #checkFull(): void {
    const { operations, open } = this.room.ledger
    const { extra } = this.commits
    const isFull = open.size + extra.operations >= this.operationsMax || operations.size >= 2 * this.operationsMax
    if (isFull) throw full(open.size + extra.operations, operations.size)
  }

  #raiseFloor(wallMs: number): void {
    if (!this.#lost) return
    this.#lost = false
    if (this.room.ledger.version === 0 || !this.stands.alone) return
    this.#floorMs = wallMs
    this.commits.carry({ kind: 'floor', timeMs: wallMs })
  }

  #checkTime(id: OperationId, wallMs: number): void {
    const timeMs = operationTimeMs(id)
    if (timeMs === undefined) return
    const oldestMs = Math.max(wallMs - this.retryWindowMs, Math.max(this.#floorMs, this.room.ledger.floorMs) + 1)
    if (timeMs < oldestMs) {
      const text =
        `operation ${showOperationId(id)} was made ${Math.round((wallMs - timeMs) / 1000)} s ago by this node's clock, before ` +
        `the retry window of ${this.retryWindowMs / 1000} s, and is not known here: it may have counted, or not. Nothing was counted now`
      throw new TallymeshError('OPERATION_EXPIRED', text)
    }
    if (timeMs > wallMs + this.retryWindowMs) {
      const text = `operation ${showOperationId(id)} was made ${Math.round((timeMs - wallMs) / 1000)} s ahead of this node's clock`
      throw new TallymeshError('INVALID_OPERATION', `${text}; set the clocks. Nothing was counted`)
    }
  }

  /** All that this node may settle has to fit its absorbed slot. */
  #checkRoom({ key, p, n }: OperationCount): void {
    const id = this.room.table.idOf(key)
    const { replica } = this.commits
    const slot = replica === undefined ? { p: 0, n: 0 } : this.room.table.slot(absorbedUnder(replica), id)
    const beside = this.room.table.beside(id)
    const roomy = (total: number, amount: number, others: number) =>
      Math.max(amount, this.commits.extra.largest) <= LARGE_AMOUNT && total <= LARGE_TOTAL && others <= LARGE_TOTAL
    // Summing up what this node carries is not worth it for each call.
    if (roomy(slot.p, p, beside.p) && roomy(slot.n, n, beside.n)) return
    const carried = this.#carriedOn(key)
    check(key, 'increments', BigInt(slot.p) + carried.p, p)
    check(key, 'decrements', BigInt(slot.n) + carried.n, n)
  }

  /** What operations add to a key that the own log carries, or will with its next commits. */
  #carriedOn(key: CounterKey): { readonly p: bigint; readonly n: bigint } {
    const { replica, extra } = this.commits
    const own = replica === undefined ? undefined : this.room.ledger.logs.get(replica)
    const carried = [...(own?.carried ?? [])].map(({ counts }) => counts ?? [])
    const waiting = [...extra.values()].map(entry => (entry.kind === 'operation' ? entry.counts : []))
    let [p, n] = [0n, 0n]
    for (const count of [...carried, ...waiting].flat()) {
      if (count.key !== key) continue
      p += BigInt(count.p)
      n += BigInt(count.n)
    }
    return { p, n }
  }
}

function check(key: CounterKey, what: string, total: bigint, amount: number): void {
  if (total + BigInt(amount) > BigInt(Number.MAX_SAFE_INTEGER)) throw overflow(key, what, Number(total), amount)
}
