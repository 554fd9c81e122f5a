import type { StoreId } from '@tallymesh/crdt'
import { type Draw, Stream } from './draw.js'
import { SimMemory } from './storage/sim-witness.js'
import type { VirtualTime } from './virtual-time.js'

/** When virtual time begins. */
export const EPOCH_MS = Date.UTC(2030, 0, 1)

/** A simulated machine: what its processes share, and what lives as long as its boot. */
export class SimMachine {
  readonly memory: SimMemory
  /** Its random numbers. A snapshot that is resumed repeats them. */
  readonly random: Stream
  /** How often it was started anew. */
  boots = 0
  /** How many nodes are on it. */
  nodes = 0
  #skewMs = 0
  #ppm = 0
  #sinceMs = 0

  constructor(
    readonly name: string,
    readonly time: VirtualTime,
    draw: Draw,
  ) {
    this.memory = new SimMemory()
    this.random = new Stream(draw, `random ${name}`, 0)
  }

  /** What the clock of this machine says, ms. */
  get nowMs(): number {
    const passedMs = this.time.nowMs - this.#sinceMs
    return this.time.nowMs + this.#skewMs + (passedMs * this.#ppm) / 1e6
  }

  /** The same, since 1970. */
  get wallMs(): number {
    return EPOCH_MS + this.nowMs
  }

  jump(ms: number): void {
    this.#skewMs += ms
  }

  drift(ppm: number): void {
    this.#skewMs = this.nowMs - this.time.nowMs
    this.#sinceMs = this.time.nowMs
    this.#ppm = ppm
  }
}

/** What a snapshot of a machine holds beside the disk. */
export interface Snapshot {
  readonly witness: Uint8Array | undefined
  readonly random: number
  readonly boots: number
}

export function snapshotOf(machine: SimMachine, store: StoreId): Snapshot {
  return { witness: machine.memory.capture(store), random: machine.random.position, boots: machine.boots }
}
