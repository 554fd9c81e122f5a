import type { ReplicaId } from '@tallymesh/crdt'
import type { Loss } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import { DoubtedFolds } from './doubted-folds.js'
import type { Tracked } from './ledger.js'
import type { Mark } from './position.js'
import type { HeldDisk } from './trust.js'

type Disks = ReadonlyMap<NodeName, HeldDisk>

/** Which acknowledged operations may be missing without blame: those that no disk holds any more after disks of as many nodes lost
 *  something as were promised to hold them; and those under an id that has two histories. */
export class Losses {
  /** Ids that were said to have two histories. */
  readonly forked = new Set<ReplicaId>()
  excused = 0
  readonly #folds = new DoubtedFolds()
  /** The disks that lost something, in order. A node that was wiped has another one. */
  readonly #disks: LostDisk[] = []
  /** How many losses there were when a node got the disk that it has. */
  readonly #born = new Map<NodeName, number>()
  /** Acknowledged operations that the disk of their own node holds, by node. */
  readonly #sound = new Map<NodeName, Tracked[]>()
  /** Those that it lost. */
  #exposed: Tracked[] = []
  /** Those of which a flipped bit may have taken the last copy. */
  #flipped: Tracked[] = []
  /** How many losses there were when a bit of a node's disk was flipped last. */
  readonly #flips = new Map<NodeName, number>()
  /** Ids of which somebody may hold another history. */
  readonly #doubted = new Map<NodeName, Set<ReplicaId>>()

  /** @param twins whether original and copy of a disk may take turns under one id */
  constructor(readonly twins: boolean) {}

  get count(): number {
    return this.#disks.length
  }

  acknowledged(tracked: Tracked): void {
    const { node } = tracked.operation
    tracked.lossesThen = this.#disks.length
    const doubted = this.#doubted.get(node)
    tracked.unsure = this.twins || (doubted !== undefined && tracked.marks.some(({ log }) => doubted.has(log)))
    if ((this.#flips.get(node) ?? 0) > tracked.lossesBefore) {
      // It may have been written before the flip, and be what that destroyed.
      if (tracked.holders === 1) this.#excuse(tracked, 'flip')
      else this.#exposed.push(tracked)
      return
    }
    const sound = this.#sound.get(node)
    if (sound) sound.push(tracked)
    else this.#sound.set(node, [tracked])
  }

  /** Somebody may hold a commit of these ids that the node itself lost, and wrote another in its place. */
  doubt(node: NodeName, ids: Iterable<ReplicaId>): void {
    const doubted = this.#doubted.get(node) ?? new Set()
    for (const id of ids) doubted.add(id)
    this.#doubted.set(node, doubted)
  }

  /** Excuses what is on no disk any more.
   *  @param node whose disk lost something
   *  @param disks all as they are since
   *  @param branched its disk may hold another history than it did, of the same length */
  lost(why: Exclude<Loss, 'power'>, node: NodeName, disks: Disks, branched: boolean): void {
    this.#disks.push({ node, born: this.#born.get(node) ?? 0 })
    if (why === 'wipe') this.#born.set(node, this.#disks.length)
    // What an earlier flip left is being carried into another log: the bit may be one of the copy that takes its place.
    const carrying = why === 'flip' && this.#flips.has(node)
    if (why === 'flip') this.#flips.set(node, this.#disks.length)
    else this.#found(node)
    this.#folds.look(disks.values())
    this.#expose(why, node, disks.get(node), branched)
    const sound = [...disks].filter(([name]) => name !== node || !(branched || carrying))
    // Of two histories the other may have taken it, before the bit flipped: nobody has to report that.
    this.#excuseUnheld(
      sound.map(([, disk]) => disk),
      ({ unsure }) => (why === 'flip' && !unsure ? 'flip' : 'loss'),
    )
    if (why !== 'restore' && !branched) return
    // From now on there may be another history under the id: the next time, who holds it is not clear.
    for (const tracked of this.#exposed) if (tracked.operation.node === node) tracked.unsure = true
  }

  /** A node is out of the room, and its disk with it: what it acknowledged is on the others, but for what these lost. */
  left(node: NodeName, disks: Disks): void {
    this.#exposed.push(...(this.#sound.get(node) ?? []))
    this.#sound.delete(node)
    // More stores than there are hold nothing.
    const stores = new Set(Array.from(disks.values(), ({ storeId }) => storeId)).size
    for (const tracked of [...this.#exposed, ...this.#sound.values()].flat()) {
      tracked.holders = Math.min(tracked.holders, Math.max(1, stores))
    }
    this.#excuseUnheld([...disks.values()], () => 'loss')
  }

  /** Whether an acknowledged operation may be missing. */
  isExcused({ excuse, marks }: Tracked): boolean {
    if (excuse !== undefined) return true
    return this.forked.size > 0 && marks.some(({ log }) => this.forked.has(log))
  }

  #expose(why: Loss, node: NodeName, disk: HeldDisk | undefined, branched: boolean): void {
    const sound = this.#sound.get(node)
    if (!sound) return
    const kept: Tracked[] = []
    for (const tracked of sound) {
      const held =
        why !== 'flip' && !branched && disk && tracked.marks.every(({ log, clock }) => disk.clock(log) >= clock)
      if (held) kept.push(tracked)
      else this.#exposed.push(tracked)
    }
    this.#sound.set(node, kept)
  }

  /** Excuses what as many disks lost as may have held it, and none of these holds. */
  #excuseUnheld(disks: readonly HeldDisk[], why: (tracked: Tracked) => 'loss' | 'flip'): void {
    const holders = new Holders(disks, this.#folds)
    this.#exposed = this.#exposed.filter(tracked => {
      if (this.#lostSince(tracked) < tracked.holders) return true
      if (!tracked.unsure && holders.hold(tracked.marks)) return true
      this.#excuse(tracked, why(tracked))
      return false
    })
  }

  #excuse(tracked: Tracked, why: 'loss' | 'flip'): void {
    tracked.excuse = why
    this.excused++
    if (why === 'flip') this.#flipped.push(tracked)
  }

  /** What a flipped bit took from a node was reported. */
  found(node: NodeName, disks: Disks): void {
    this.#found(node)
    this.#folds.look(disks.values())
  }

  /** Or its disk lost more than that, which nobody has to report. */
  #found(node: NodeName): void {
    this.#flipped = this.#flipped.filter(tracked => {
      if (tracked.operation.node !== node) return true
      tracked.excuse = 'loss'
      return false
    })
  }

  /** How many disks that may have held an operation lost something since it began. */
  #lostSince({ lossesBefore, lossesThen, holders }: Tracked): number {
    if (holders === 1) return this.#disks.length - lossesBefore
    const lost = this.#disks.slice(lossesBefore).filter(({ born }) => born <= lossesThen)
    return new Set(lost.map(({ node, born }) => `${node} ${born}`)).size
  }
}

interface LostDisk {
  readonly node: NodeName
  /** How many losses there were when the node got it. */
  readonly born: number
}

/** Up to where disks hold all that logs counted, asked for once. */
class Holders {
  readonly #best = new Map<ReplicaId, number>()

  constructor(
    readonly disks: readonly HeldDisk[],
    readonly folds: DoubtedFolds,
  ) {}

  /** Whether one disk holds all of this. */
  hold(marks: readonly Mark[]): boolean {
    const [mark] = marks
    if (mark === undefined) return true
    if (marks.length > 1) {
      return this.disks.some(disk => marks.every(({ log, clock }) => this.folds.clockOn(disk, log) >= clock))
    }
    let best = this.#best.get(mark.log)
    if (best === undefined) {
      best = this.disks.reduce((clock, disk) => Math.max(clock, this.folds.clockOn(disk, mark.log)), 0)
      this.#best.set(mark.log, best)
    }
    return best >= mark.clock
  }
}
