/** An order-free 64-bit sum over entries, as two independent 32-bit lanes. Equal sets of entries have equal digests; two
 *  sets that differ have equal ones with a probability of about 2^-64. It finds accidents, not forgery. */
export class Digest {
  lo = 0
  hi = 0

  add(lo: number, hi: number): void {
    this.lo = (this.lo + lo) >>> 0
    this.hi = (this.hi + hi) >>> 0
  }

  subtract(lo: number, hi: number): void {
    this.lo = (this.lo - lo) >>> 0
    this.hi = (this.hi - hi) >>> 0
  }

  equals(other: Readonly<{ lo: number; hi: number }>): boolean {
    return this.lo === other.lo && this.hi === other.hi
  }

  copy(): Digest {
    const copy = new Digest()
    copy.lo = this.lo
    copy.hi = this.hi
    return copy
  }

  toString(): string {
    return this.hi.toString(16).padStart(8, '0') + this.lo.toString(16).padStart(8, '0')
  }
}

/** The finaliser of MurmurHash3: every bit of a 32-bit number reaches all others. */
export function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** One lane of the hash of `bytes[start, end)`: multiply and add per byte, then the finaliser of MurmurHash3. */
function lane(bytes: Uint8Array, start: number, end: number, seed: number, factor: number): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), factor)
  return mix(hash ^ (end - start))
}

export function hashLo(bytes: Uint8Array, start: number, end: number): number {
  return lane(bytes, start, end, 0x811c9dc5, 0x01000193)
}

export function hashHi(bytes: Uint8Array, start: number, end: number): number {
  return lane(bytes, start, end, 0x9e3779b9, 0x5bd1e995)
}
