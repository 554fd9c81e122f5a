import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { Loss } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import type { Branches } from './branches.js'
import { Breach } from './breach.js'
import type { Faults } from './faults.js'
import type { Tracked } from './ledger.js'
import type { HeldDisk, Trust } from './trust.js'

/** What is known of a node's disk and of the witness beside it. */
interface Own {
  /** Up to where it must hold the logs that the node acknowledged from. */
  readonly marks: Map<ReplicaId, number>
  /** The ids that the node acknowledged under since its machine booted: the witness knows of the last commit. */
  readonly witnessed: Set<ReplicaId>
  /** A process ran on this disk since the machine booted: the machine remembers it. */
  remembered: boolean
  /** What the next process has to report before it counts. */
  owed: 'STORE_BEHIND' | 'STORE_WIPED' | undefined
}

/** Holds each node's disk against what the node acknowledged, and asks that what a disk lost is reported where the witness knows
 *  of it. */
export class OwnDisks {
  readonly #own = new Map<NodeName, Own>()

  constructor(
    readonly faults: Faults,
    readonly trust: Trust,
    readonly branches: Branches,
  ) {}

  acknowledged({ operation, marks }: Tracked): void {
    const last = marks.at(-1)
    if (last === undefined || this.trust.isFlipped(operation.node)) return
    const own = this.#of(operation.node)
    own.witnessed.add(last.log)
    if (last.clock > (own.marks.get(last.log) ?? 0)) own.marks.set(last.log, last.clock)
  }

  /** The disk of a node lost something, or its machine lost power. Answers the ids of which acknowledged commits are gone.
   *  @throws Breach where power loss took what was acknowledged */
  lost(why: Loss, node: NodeName, disk: HeldDisk | undefined): ReplicaId[] {
    const own = this.#of(node)
    if (why === 'power') {
      if (disk) this.#check(node, own, disk, 'after power loss')
      own.owed = undefined
      own.remembered = false
      own.witnessed.clear()
      return []
    }
    const gone = [...own.marks].filter(([log, clock]) => !disk || disk.clock(log) < clock).map(([log]) => log)
    own.marks.clear()
    if (why === 'wipe') {
      if (own.remembered) own.owed = 'STORE_WIPED'
      else if (own.owed === 'STORE_BEHIND') own.owed = undefined
      own.remembered = false
    }
    if (why === 'rollback') {
      // What was given up before may be as new as the witness.
      if (this.branches.has(node)) own.owed = undefined
      else if (gone.some(log => own.witnessed.has(log))) own.owed = 'STORE_BEHIND'
    }
    if (why === 'restore' || why === 'flip') own.owed = undefined
    return gone
  }

  /** A process that was set back found the witness of that moment. */
  restored(node: NodeName): void {
    const own = this.#of(node)
    own.owed = undefined
    own.remembered = false
  }

  reported(node: NodeName, code: string): void {
    const own = this.#of(node)
    if (own.owed === code) own.owed = undefined
  }

  /** @throws Breach where the process counts and did not say what its disk lost */
  started(node: NodeName): void {
    const own = this.#of(node)
    const { owed } = own
    own.owed = undefined
    own.remembered = true
    // Of two processes with one store on a machine, only one has the witness.
    if (owed === undefined || this.faults.may('clone here')) return
    const what = owed === 'STORE_WIPED' ? 'was emptied' : 'lost what was acknowledged on this machine'
    throw new Breach(5, 'unreported', `${node} started on a disk that ${what}, and did not report ${owed}`)
  }

  stopped(node: NodeName): void {
    const own = this.#of(node)
    // A process that did not come as far as to report it has told the machine of the new store all the same.
    if (own.owed === 'STORE_WIPED') own.owed = undefined
  }

  /** Damage was found: what can be read is carried on in other logs. */
  damaged(node: NodeName): void {
    this.#of(node).marks.clear()
  }

  /** @throws Breach where a disk at rest lacks what its node acknowledged */
  finish(node: NodeName, disk: HeldDisk): void {
    this.#check(node, this.#of(node), disk, 'at rest')
  }

  #check(node: NodeName, { marks }: Own, disk: HeldDisk, when: string): void {
    if (!this.trust.trusts(disk)) return
    for (const [log, clock] of marks) {
      const held = disk.clock(log)
      if (held >= clock) continue
      const text = `${node} acknowledged up to ${clock} of its log ${showReplicaId(log)}, and its disk holds ${held} ${when}`
      throw new Breach(3, 'acknowledged-gone', text)
    }
  }

  #of(node: NodeName): Own {
    let own = this.#own.get(node)
    if (!own)
      this.#own.set(node, (own = { marks: new Map(), witnessed: new Set(), remembered: false, owed: undefined }))
    return own
  }
}
