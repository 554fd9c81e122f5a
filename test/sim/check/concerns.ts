import { showReplicaId } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import { showOperation, type Tracked } from './ledger.js'
import type { Losses } from './losses.js'
import type { Mark } from './position.js'
import type { HeldDisk, Trust } from './trust.js'

/** Who asked for several stores is told of success once so many hold its commit: their disks are looked at in that moment. */
export class Concerns {
  /** How many acknowledgements were held against the disks. */
  checked = 0

  /** The last operation that began before a node's disk failed last. */
  readonly #reopened = new Map<NodeName, number>()
  #lastOperation = 0
  /** The last operation that began before damage was found last, by node: what the process confirmed before counted for it. */
  readonly #found = new Map<NodeName, number>()

  constructor(
    readonly losses: Losses,
    readonly trust: Trust,
  ) {}

  attempted({ operation }: Tracked): void {
    this.#lastOperation = operation.id
  }

  /** A write failed: the commit that was formed last may be given up, and others take its place in the log. */
  recovering(node: NodeName): void {
    this.#reopened.set(node, this.#lastOperation)
  }

  /** A node found its disk damaged: what it had confirmed may be unreadable. */
  damaged(node: NodeName): void {
    this.#found.set(node, this.#lastOperation)
  }

  /** Each loss since the operation began may have taken its commit from a store: from several of one node that was wiped again and again.
   *  So may each finding of one that was before.
   *  @param marks where the acknowledged commits of its process end now
   *  @throws Breach */
  check(tracked: Tracked, marks: readonly Mark[], disks: ReadonlyMap<NodeName, HeldDisk>): void {
    const newest = marks.at(-1)
    const { unsure, holders, operation } = tracked
    const { began, id, node } = operation
    if (id <= (this.#reopened.get(node) ?? 0)) return
    if (newest === undefined || unsure || this.losses.forked.has(newest.log)) return
    // Under which of several ids it was written is not clear.
    if (began === undefined ? marks.length > 1 : began.log !== newest.log) return
    this.checked++
    const clock = (began?.clock ?? 0) + 1
    const stores = new Set<string>()
    for (const disk of disks.values()) {
      const held = this.trust.trusts(disk) ? disk.wholeClock(newest.log) : disk.clock(newest.log)
      if (held >= clock) stores.add(disk.storeId)
    }
    let lost = this.losses.count - tracked.lossesBefore
    for (const last of this.#found.values()) if (last >= id) lost++
    if (stores.size + lost >= holders) return
    const where = `clock ${clock} of log ${showReplicaId(newest.log)}`
    const text = `${showOperation(tracked)} was acknowledged, and ${stores.size} stores of ${holders} hold ${where}`
    throw new Breach(4, 'too-few-stores', text)
  }
}
