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

/** The two lanes of the hash of `bytes[start, end)`, each a signed 32-bit integer, as others take an object each: multiply and add per
 *  byte, then the finaliser of MurmurHash3. */
export function hashBytes(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): { readonly lo: number; readonly hi: number } {
  let lo = 0x811c9dc5
  let hi = 0x9e3779b9
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    lo = Math.imul(lo ^ byte, 0x01000193)
    hi = Math.imul(hi ^ byte, 0x5bd1e995)
  }
  return { lo: mix(lo ^ (end - start)) | 0, hi: mix(hi ^ (end - start)) | 0 }
}
