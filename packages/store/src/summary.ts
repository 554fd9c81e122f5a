import type { ReplicaId } from '@tallymesh/crdt'

/** An order-free sum over all live records: their number, and two 32-bit lanes over (log, clock, checksum). A record that
 *  vanished, appeared or changed gives another sum. */
export class Summary {
  count = 0
  low = 0
  high = 0

  add(log: ReplicaId, clock: number, checksum: number): void {
    this.count += 1
    this.low = (this.low + lane(0x9e3779b9, log, clock, checksum)) >>> 0
    this.high = (this.high + lane(0x7f4a7c15, log, clock, checksum)) >>> 0
  }

  remove(log: ReplicaId, clock: number, checksum: number): void {
    this.count -= 1
    this.low = (this.low - lane(0x9e3779b9, log, clock, checksum)) >>> 0
    this.high = (this.high - lane(0x7f4a7c15, log, clock, checksum)) >>> 0
  }

  /** Same number of records and same lanes: the same records, but for a chance of 2^-64. */
  equals(other: Summary): boolean {
    return this.count === other.count && this.low === other.low && this.high === other.high
  }
}

// The rounds of MurmurHash3 over the five words of a record.
function lane(seed: number, log: number, clock: number, checksum: number): number {
  let hash = round(seed, log >>> 0)
  hash = round(hash, Math.floor(log / 2 ** 32))
  hash = round(hash, clock >>> 0)
  hash = round(hash, Math.floor(clock / 2 ** 32))
  hash = round(hash, checksum)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function round(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e2d51)
  const mixed = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}
