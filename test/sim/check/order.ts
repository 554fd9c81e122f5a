import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { SentFrame } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import { FrameReader, type FrameVisitor } from './frame-reader.js'
import type { Identities } from './identities.js'
import type { HeldDisk, Trust } from './trust.js'

/** Up to where marks of a process were found true. */
interface Confirmed {
  life: number
  readonly clocks: Map<number, number>
}

/** A frame that leaves a node, and the node's disk. */
export type CheckedFrame = Omit<SentFrame, 'disk'> & { readonly disk: HeldDisk }

/** Persist, then send: nothing leaves a node of its own log that its disk does not hold, and nothing is confirmed that is not
 *  there. */
export class Order implements FrameVisitor {
  frames = 0
  marks = 0
  readonly #reader = new FrameReader(this)
  readonly #confirmed = new Map<NodeName, Confirmed>()
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
    const held = disk.clock(log)
    if (clock <= held || this.trust.isFlipped(node)) return
    const text = `${node}, life ${life}, sent a frame of kind ${kind} of its log ${showReplicaId(log as ReplicaId)} up to ${clock}`
    throw new Breach(3, 'sent-early', `${text}; its disk holds ${held}`)
  }

  holds(log: number, clock: number): void {
    const { node, life, disk } = this.#frame
    this.marks++
    if (clock === 0) return
    let confirmed = this.#confirmed.get(node)
    if (confirmed?.life !== life) this.#confirmed.set(node, (confirmed = { life, clocks: new Map() }))
    if (clock <= (confirmed.clocks.get(log) ?? 0)) return
    const held = this.deep ? disk.wholeClock(log) : disk.clock(log)
    if (held < clock && !this.trust.isFlipped(node)) {
      const text = `${node}, life ${life}, confirmed clock ${clock} of log ${showReplicaId(log as ReplicaId)}`
      throw new Breach(4, 'confirmed-early', `${text}; its disk holds ${held}`)
    }
    confirmed.clocks.set(log, clock)
  }
}
