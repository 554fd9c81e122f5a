import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { SentFrame } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import { FrameReader, type FrameVisitor } from './frame-reader.js'
import type { Identities } from './identities.js'
import type { HeldDisk, Trust } from './trust.js'

/** Up to where what a process said was found true: while it runs, its disk loses nothing. */
interface Verified {
  readonly life: number
  readonly spoken: Map<number, number>
  readonly held: Map<number, number>
}

/** A frame that leaves a node, and the node's disk. */
export type CheckedFrame = Omit<SentFrame, 'disk'> & { readonly disk: HeldDisk }

/** Persist, then send: nothing leaves a node of its own log that its disk does not hold, and nothing is confirmed that is not
 *  there. */
export class Order implements FrameVisitor {
  frames = 0
  marks = 0
  readonly #reader = new FrameReader(this)
  readonly #verified = new Map<NodeName, Verified>()
  #frame!: CheckedFrame

  /** @param deep reads each confirmed log back from the disk */
  constructor(
    readonly identities: Identities,
    readonly trust: Trust,
    readonly deep: boolean,
  ) {}

  /** @throws Breach */
  sent(frame: CheckedFrame): void {
    this.frames++
    this.#frame = frame
    try {
      this.#reader.read(frame.kind, frame.body, frame.store)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new Breach(6, 'malformed', `${frame.node} sent a frame of kind ${frame.kind}: ${error.message}`)
    }
  }

  live(id: number): void {
    this.identities.uses(this.#frame.node, this.#frame.life, id as ReplicaId)
  }

  wants(log: number): boolean {
    return this.identities.isOwn(this.#frame.node, this.#frame.life, log)
  }

  speaks(log: number, clock: number): void {
    const { node, life, kind, disk } = this.#frame
    const { spoken } = this.#of(node, life)
    if (clock <= (spoken.get(log) ?? 0)) return
    const held = disk.clock(log)
    if (held < clock && !this.trust.isFlipped(node)) {
      const whose = `${node}, life ${life}, sent a frame of kind ${kind} of its log ${showReplicaId(log as ReplicaId)}`
      throw new Breach(3, 'sent-early', `${whose} up to ${clock}; its disk holds ${held}`)
    }
    spoken.set(log, clock)
  }

  holds(log: number, clock: number): void {
    const { node, life, disk } = this.#frame
    this.marks++
    const verified = this.#of(node, life).held
    if (clock <= (verified.get(log) ?? 0)) return
    const held = this.deep ? disk.wholeClock(log) : disk.clock(log)
    if (held < clock && !this.trust.isFlipped(node)) {
      const text = `${node}, life ${life}, confirmed clock ${clock} of log ${showReplicaId(log as ReplicaId)}`
      throw new Breach(4, 'confirmed-early', `${text}; its disk holds ${held}`)
    }
    verified.set(log, clock)
  }

  /** The own logs of which a node's last process told its peers more than its disk holds now. */
  told(node: NodeName, disk: HeldDisk | undefined): ReplicaId[] {
    const spoken = [...(this.#verified.get(node)?.spoken ?? [])] as Array<[ReplicaId, number]>
    return spoken.filter(([log, clock]) => !disk || disk.clock(log) < clock).map(([log]) => log)
  }

  #of(node: NodeName, life: number): Verified {
    let verified = this.#verified.get(node)
    if (verified?.life !== life) {
      this.#verified.set(node, (verified = { life, spoken: new Map(), held: new Map() }))
    }
    return verified
  }
}
