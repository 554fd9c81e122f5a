import type { ReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Loss, Observer, Operation, OperationCall, Outcome, Reading } from '../observer.js'
import type { Command, NodeName } from '../plan/command.js'
import type { RoomSpec } from '../plan/plan.js'
import { Agreement } from './agreement.js'
import { Branches } from './branches.js'
import { Breach } from './breach.js'
import { Concerns } from './concerns.js'
import { Exactness, OPERATION_PREFIX } from './exactness.js'
import { Faults } from './faults.js'
import { checkGrowth } from './growth.js'
import { checkHistories } from './histories.js'
import { Identities } from './identities.js'
import { isAcknowledged, isRefused, Ledger, showOperation, type Tracked } from './ledger.js'
import { Losses } from './losses.js'
import { type CheckedFrame, Order } from './order.js'
import { Outcomes } from './outcomes.js'
import { OwnDisks } from './own-disks.js'
import { type Mark, Positions } from './position.js'
import { Readings } from './readings.js'
import { Reports } from './reports.js'
import type { SettledNode } from './settled.js'
import { type HeldDisk, Trust } from './trust.js'

export { Breach } from './breach.js'
export type { SettledNode } from './settled.js'

/** How a node reports that it gave up its id. */
const OWN_FORK = /takes a fresh id/

export interface CheckOptions {
  /** Reads each log that is confirmed back from the disk. */
  readonly deep: boolean
}

/** The room, and what will be done to it: what is blamed on other than that is a breach. Without events, anything may come. */
export interface CheckedPlan {
  readonly room: RoomSpec
  readonly events?: ReadonlyArray<{ readonly command: Command }>
}

/** What a process is known by. */
interface Life {
  readonly life: number
  /** How many ids it acknowledged under. */
  ids: number
}

type Disks = ReadonlyMap<NodeName, HeldDisk>

/** How a call ended, and what of the disks the checks ask for. */
export type CheckedOutcome = Omit<Outcome, 'disks'> & { readonly disks?: Disks }

/** Keeps the books of a room and holds what its nodes show against them: the invariants of the design, as far as they can be seen
 *  from outside. Each method throws a `Breach` where one is broken. Memory and time are O(operations). */
export class Checks implements Observer {
  readonly #faults: Faults
  readonly #ledger = new Ledger()
  readonly #trust = new Trust()
  readonly #branches = new Branches()
  readonly #losses: Losses
  readonly #readings = new Readings(this.#ledger)
  readonly #positions = new Positions()
  readonly #outcomes: Outcomes
  readonly #identities: Identities
  readonly #own: OwnDisks
  readonly #order: Order
  readonly #reports: Reports
  readonly #concerns: Concerns
  readonly #agreement: Agreement
  readonly #exactness = new Exactness()
  readonly #remembersFew: boolean
  readonly #lives = new Map<NodeName, Life>()
  /** Members from the start that are still in the room. */
  readonly #members: Set<NodeName>
  #reads = 0
  #logs = 0

  constructor({ room, events }: CheckedPlan, { deep }: CheckOptions) {
    this.#remembersFew = room.operationsMax !== undefined
    this.#faults = new Faults(events?.map(({ command }) => command))
    this.#losses = new Losses(this.#faults.may('clone here'))
    this.#concerns = new Concerns(this.#losses, this.#trust)
    this.#agreement = new Agreement(this.#ledger, this.#losses)
    this.#outcomes = new Outcomes(this.#ledger, this.#faults)
    this.#identities = new Identities(this.#faults)
    this.#own = new OwnDisks(this.#faults, this.#trust, this.#branches)
    this.#order = new Order(this.#identities, this.#trust, deep)
    this.#reports = new Reports(room, this.#faults, this.#branches)
    this.#members = new Set(room.nodes)
  }

  /** Counts of what was checked. */
  get figures(): Record<string, number> {
    const { ok, refused, indeterminate, notReplicated } = this.#outcomes.counts
    return {
      operations: this.#ledger.size,
      ...{ ok, refused, indeterminate, notReplicated },
      unanswered: this.#ledger.size - ok - refused - indeterminate - notReplicated,
      reads: this.#reads,
      concerns: this.#concerns.checked,
      retried: this.#exactness.calls - this.#exactness.size,
      operationIds: this.#exactness.size,
      operationsOk: this.#exactness.acknowledged,
      operationsMissing: this.#exactness.missing,
      frames: this.#order.frames,
      marks: this.#order.marks,
      reports: this.#reports.count,
      losses: this.#losses.count,
      excused: this.#losses.excused,
      missing: this.#agreement.missing.size,
      countedUntold: this.#agreement.counted.size,
      forks: this.#losses.forked.size,
      ids: this.#identities.count,
      keys: this.#agreement.keys,
      logs: this.#logs,
    }
  }

  started(node: NodeName, life: number): void {
    this.#own.started(node)
    this.#trust.started(node)
    this.#readings.started(node, life)
    this.#outcomes.started(node, life)
    this.#life(node, life)
  }

  attempted(operation: Operation): void {
    const tracked = this.#ledger.attempted(operation, this.#losses.count)
    tracked.idsBefore = this.#life(operation.node, operation.life).ids
    this.#readings.attempted(tracked)
    this.#outcomes.attempted(tracked)
    this.#concerns.attempted(tracked)
  }

  ended(outcome: CheckedOutcome): void {
    const tracked = this.#ledger.ended(outcome)
    this.#outcomes.ended(tracked)
    if (isRefused(tracked)) this.#readings.refused(tracked)
    else if (isAcknowledged(tracked)) this.#acknowledged(tracked, outcome)
  }

  read(reading: Reading): void {
    this.#reads++
    if (reading.key.startsWith(OPERATION_PREFIX)) this.#exactness.read(reading)
    else this.#readings.read(reading)
  }

  operated(call: OperationCall): void {
    this.#exactness.attempted(call)
  }

  operationEnded(call: OperationCall, code: string): void {
    this.#exactness.ended(call, code)
  }

  stopped(node: NodeName, _life: number): void {
    this.#own.stopped(node)
    if (this.#trust.isFlipped(node)) this.#readings.lost(node)
  }

  recovering(node: NodeName, life: number): void {
    this.#readings.recovering(node, life)
    this.#outcomes.recovering(node, life)
    this.#concerns.recovering(node)
    this.#exactness.recovering(node)
    this.#doubt(node)
    if (this.#trust.isFlipped(node)) this.#readings.lost(node)
  }

  lost(why: Loss, node: NodeName, disks: Disks): void {
    this.#branches.lost(why, node)
    if (why === 'flip') this.#trust.flipped(node, disks)
    if (why === 'wipe') this.#trust.replaced(node)
    if (why === 'remove') this.#members.delete(node)
    this.#reports.lost(why, node)
    const gone = this.#own.lost(why, node, disks.get(node))
    this.#giveUpIds(why, node, [...gone, ...this.#order.told(node, disks.get(node))])
    if (why === 'power') return
    this.#exactness.lost(node)
    const branched = this.#branches.has(node) && (why === 'rollback' || why === 'restore')
    this.#readings.lost(node)
    this.#losses.lost(why, node, disks, branched)
    if (branched) this.#losses.doubt(node, this.#identities.of(node))
  }

  leaving(node: NodeName): void {
    this.#members.delete(node)
  }

  left(node: NodeName, disks: Disks): void {
    this.#losses.left(node, disks)
  }

  restored(node: NodeName, boots: number): void {
    this.#own.restored(node)
    this.#identities.restore(node, boots)
    // It writes another history under the id that it had.
    this.#losses.doubt(node, this.#identities.of(node))
    this.#readings.lost(node)
  }

  sent(frame: CheckedFrame): void {
    this.#order.sent(frame)
  }

  reported(node: NodeName, life: number, error: TallymeshError, disks: Disks): void {
    const forked = this.#reports.reported(node, life, error)
    if (forked !== undefined) this.#losses.forked.add(forked)
    if (forked !== undefined && this.#remembersFew && OWN_FORK.test(error.message)) this.#exactness.forgets(node)
    this.#own.reported(node, error.code)
    this.#outcomes.reported(node, life, error.code)
    this.#trust.reported(node, error.code)
    if (error.code !== 'LOG_DAMAGED' && error.code !== 'STORE_CORRUPT') return
    this.#own.damaged(node)
    this.#concerns.damaged(node)
    this.#losses.found(node, disks)
    if (this.#trust.isFlipped(node)) this.#exactness.lost(node)
  }

  /** At the end, everything healed and at rest. @param nodes all live ones @throws Breach */
  finish(nodes: readonly SettledNode[]): void {
    for (const settled of nodes) this.#checkAnswered(settled)
    this.#agreement.check(nodes)
    this.#exactness.finish(nodes)
    this.#checkFound()
    for (const settled of nodes) {
      const trusted = this.#trust.trusts(settled.disk)
      checkGrowth(settled, trusted)
      if (trusted) this.#own.finish(settled.node, settled.disk)
    }
    this.#logs = checkHistories(nodes)
  }

  #acknowledged(tracked: Tracked, { position, code, disks }: CheckedOutcome): void {
    const { operation } = tracked
    const { node, life } = operation
    const marks = this.#positions.marksOf(node, position)
    const newest = marks.at(-1)
    if (newest === undefined) {
      throw new Breach(3, 'no-position', `${showOperation(tracked)}, and the node has acknowledged nothing`)
    }
    this.#life(node, life).ids = marks.length
    this.#identities.uses(node, life, newest.log)
    tracked.marks = candidates(tracked, marks)
    tracked.holders = code === 'ok' ? this.#wanted(operation) : 1
    this.#own.acknowledged(tracked)
    this.#losses.acknowledged(tracked)
    if (code === 'ok' && disks) this.#concerns.check(tracked, marks, disks)
    this.#readings.acknowledged(tracked)
  }

  /** How many stores confirmed it, at least. A node knows all members from the start, and perhaps more. */
  #wanted({ replicas }: Operation): number {
    return replicas === 'majority' ? Math.floor(this.#members.size / 2) + 1 : replicas
  }

  /** The next process of a node cannot know the past of these ids. */
  #giveUpIds(why: Loss, node: NodeName, gone: readonly ReplicaId[]): void {
    if (why === 'power' || why === 'wipe') this.#identities.forget(node)
    if (why !== 'rollback') return
    if (this.#branches.has(node)) this.#identities.forgive(node)
    else this.#identities.lose(node, gone)
    this.#doubt(node)
  }

  /** A node may have lost a commit that a copy of its disk holds. */
  #doubt(node: NodeName): void {
    if (this.#faults.may('clone')) this.#losses.doubt(node, this.#identities.of(node))
  }

  /** Every call of a process that runs has ended, unless it waits for other stores. */
  #checkAnswered({ node }: SettledNode): void {
    const life = this.#lives.get(node)?.life
    for (const tracked of this.#ledger.operations()) {
      const { operation, code } = tracked
      if (code !== undefined || operation.node !== node || operation.life !== life || operation.replicas !== 1) continue
      throw new Breach(7, 'unanswered', `${showOperation(tracked)}, though its process runs and everything is at rest`)
    }
  }

  /** What a flipped bit took is never missing in silence. */
  #checkFound(): void {
    for (const tracked of this.#agreement.missing) {
      const { node } = tracked.operation
      if (tracked.excuse !== 'flip' || !this.#trust.isFlipped(node)) continue
      throw new Breach(
        8,
        'silent',
        `${showOperation(tracked)} is missing, and ${node} never reported what it could not read`,
      )
    }
  }

  #life(node: NodeName, life: number): Life {
    const known = this.#lives.get(node)
    if (known?.life === life) return known
    const fresh = { life, ids: 0 }
    this.#lives.set(node, fresh)
    return fresh
  }
}

/** Where the commit of an operation may end. One that waited for other stores, or was looked for late, ended before the last that is acknowledged by then,
 *  perhaps under an earlier id, but not under one before that of the moment when it began. */
function candidates({ operation, idsBefore }: Tracked, marks: readonly Mark[]): readonly Mark[] {
  const isLast = operation.replicas === 1 && !operation.endsLate
  return marks.slice(isLast ? -1 : Math.max(0, idsBefore - 1))
}
