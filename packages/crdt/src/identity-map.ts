/** So many share one map. */
const FEW_MAX = 4_096
const PARTS = 1_024
/** 2^6 ms of the time that ids of operations begin with. */
const TIME_BITS = 6

/** A map by the identities of entries. Among many most are ids of operations, which come, settle and are forgotten in the order of the time
 *  in them: those of 64 ms share a map, so what is looked up together is close in memory. One map of hundreds of thousands waits for memory
 *  at each look. Other identities fall anywhere. */
export class IdentityMap<Identity extends string, Value> {
  #few = new Map<Identity, Value>()
  #parts: Array<Map<Identity, Value> | undefined> | undefined
  size = 0

  get(identity: Identity): Value | undefined {
    const map = this.#parts ? this.#parts[partOf(identity)] : this.#few
    return map?.get(identity)
  }

  has(identity: Identity): boolean {
    const map = this.#parts ? this.#parts[partOf(identity)] : this.#few
    return map?.has(identity) === true
  }

  set(identity: Identity, value: Value): void {
    const map = this.#mapFor(identity)
    const { size } = map
    map.set(identity, value)
    this.size += map.size - size
    if (!this.#parts && this.size > FEW_MAX) this.#split()
  }

  delete(identity: Identity): void {
    const map = this.#parts ? this.#parts[partOf(identity)] : this.#few
    if (map?.delete(identity) !== true) return
    this.size--
    if (this.size === 0) this.#parts = undefined
  }

  /** Each once. */
  *[Symbol.iterator](): IterableIterator<[Identity, Value]> {
    for (const map of this.#parts ?? [this.#few]) if (map) yield* map
  }

  #mapFor(identity: Identity): Map<Identity, Value> {
    if (!this.#parts) return this.#few
    const at = partOf(identity)
    let map = this.#parts[at]
    if (!map) this.#parts[at] = map = new Map()
    return map
  }

  #split(): void {
    const few = this.#few
    this.#few = new Map()
    this.#parts = new Array(PARTS).fill(undefined)
    for (const [identity, value] of few) this.#mapFor(identity).set(identity, value)
  }
}

/** The id of an operation is a mark, and the bytes of a UUIDv7: the last 16 bits of its ms are the fifth and sixth. */
function partOf(identity: string): number {
  const ms = (identity.charCodeAt(5) << 8) | identity.charCodeAt(6)
  return (ms >>> TIME_BITS) & (PARTS - 1)
}
