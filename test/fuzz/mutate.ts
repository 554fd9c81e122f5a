import type { Prng } from './prng.js'

/** Changes bytes in one way. It never changes its argument. @param other another sample, to take a part of */
type Mutator = (bytes: Uint8Array, prng: Prng, other: () => Uint8Array) => Uint8Array

/** Bytes at which decoders decide. */
const EDGES = [0, 1, 2, 3, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xe0, 0xfe, 0xff]

/** Varints that are too large, too long, or just at an end: 2^32, 2^48, 2^53 - 1, 2^53, 2^56, NaN, one without end. */
const HUGE: readonly Uint8Array[] = [
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [...Array.from({ length: 160 }, () => 0x80), 0],
  Array.from({ length: 12 }, () => 0xff),
  [0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0x7f],
].map(bytes => Uint8Array.from(bytes))

const SPLICE_BYTES_MAX = 64 * 1024

const MUTATORS: readonly Mutator[] = [
  function flipBits(bytes, prng) {
    return changed(bytes, copy => {
      for (let flips = 1 + prng.int(4); flips > 0; flips--) {
        const at = prng.int(copy.length)
        copy[at] = (copy[at] as number) ^ (1 << prng.int(8))
      }
    })
  },
  function setEdges(bytes, prng) {
    return changed(bytes, copy => {
      for (let edges = 1 + prng.int(3); edges > 0; edges--) copy[prng.int(copy.length)] = prng.pick(EDGES)
    })
  },
  function addToByte(bytes, prng) {
    return changed(bytes, copy => {
      const at = prng.int(copy.length)
      copy[at] = (copy[at] as number) + prng.pick([1, -1, 2, -2, 16, 127])
    })
  },
  function truncate(bytes, prng) {
    return bytes.slice(0, prng.int(bytes.length + 1))
  },
  function extend(bytes, prng) {
    return join(bytes, prng.chance(0.5) ? prng.bytes(1 + prng.int(16)) : new Uint8Array(1 + prng.int(300)))
  },
  function remove(bytes, prng) {
    const [from, to] = range(bytes, prng)
    return join(bytes.subarray(0, from), bytes.subarray(to))
  },
  function duplicate(bytes, prng) {
    const [from, to] = range(bytes, prng)
    return join(bytes.subarray(0, to), bytes.subarray(from))
  },
  function insertHuge(bytes, prng) {
    const at = prng.int(bytes.length + 1)
    return join(bytes.subarray(0, at), prng.pick(HUGE), bytes.subarray(at))
  },
  function replaceByHuge(bytes, prng) {
    const at = prng.int(bytes.length + 1)
    const huge = prng.pick(HUGE)
    return join(bytes.subarray(0, at), huge, bytes.subarray(at + (prng.chance(0.5) ? 1 : huge.length)))
  },
  function splice(bytes, prng, other) {
    const tail = other()
    const from = prng.int(tail.length + 1)
    return join(bytes.subarray(0, prng.int(bytes.length + 1)), tail.subarray(from, from + SPLICE_BYTES_MAX))
  },
  function overwriteFromOther(bytes, prng, other) {
    const source = other()
    const [from, to] = range(source, prng)
    const at = prng.int(bytes.length + 1)
    return join(bytes.subarray(0, at), source.subarray(from, to), bytes.subarray(at + to - from))
  },
  function swapFields(bytes, prng) {
    const [one, other] = [prng.int(bytes.length + 1), prng.int(bytes.length + 1)].sort((a, b) => a - b) as [
      number,
      number,
    ]
    const length = Math.min(1 + prng.int(8), other - one)
    const fields = [bytes.subarray(one, one + length), bytes.subarray(other, other + length)] as const
    const between = bytes.subarray(one + length, other)
    return join(bytes.subarray(0, one), fields[1], between, fields[0], bytes.subarray(other + length))
  },
]

/** Changes bytes in one to four ways, one after the other. */
export function mutate(bytes: Uint8Array, prng: Prng, other: () => Uint8Array): Uint8Array {
  let mutated = bytes
  const ways = prng.chance(0.6) ? 1 : 2 + prng.int(3)
  for (let way = 0; way < ways; way++) mutated = prng.pick(MUTATORS)(mutated, prng, other)
  return mutated
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice()
  if (copy.length > 0) change(copy)
  return copy
}

/** A part of `bytes`, mostly a short one. */
function range(bytes: Uint8Array, prng: Prng): [from: number, to: number] {
  const from = prng.int(bytes.length + 1)
  const most = bytes.length - from
  return [from, from + Math.min(most, prng.chance(0.7) ? 1 + prng.int(8) : prng.int(most + 1))]
}
