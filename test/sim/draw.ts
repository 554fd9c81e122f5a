/** A number drawn by name: uniform in [0, 1), the same for the same seed, name and number, whatever else was drawn. So a plan
 *  that loses an event keeps every other delay and fault where it was. */
export type Draw = (name: string, number: number) => number

/** The draws of one seed. */
export function drawsOf(seed: number): Draw {
  const names = new Map<string, number>()
  return (name, number) => {
    let hash = names.get(name)
    if (hash === undefined) names.set(name, (hash = hashText(mix(seed >>> 0, Math.floor(seed / 2 ** 32)), name)))
    return mix(mix(hash, number >>> 0), Math.floor(number / 2 ** 32)) / 2 ** 32
  }
}

/** A generator of its own for each name: its numbers follow one another. */
export function streamOf(draw: Draw, name: string, from = 0): Stream {
  return new Stream(draw, name, from)
}

/** Numbers in a row. `position` tells how many were drawn, so that a generator can be put back to an earlier state. */
export class Stream {
  constructor(
    readonly draw: Draw,
    readonly name: string,
    public position: number,
  ) {}

  /** Uniform in [0, 1), with 53 bits. */
  readonly next = (): number => this.at(this.position++)

  /** The number at a place, whether it was drawn or not. */
  at(at: number): number {
    const high = Math.floor(this.draw(this.name, 2 * at) * 2 ** 32) >>> 0
    const low = Math.floor(this.draw(this.name, 2 * at + 1) * 2 ** 32) >>> 11
    return (high * 2 ** 21 + low) / 2 ** 53
  }

  /** An integer from 0 to `below` − 1. */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.int(items.length)] as Item
  }
}

function hashText(seed: number, text: string): number {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i))
  return hash
}

/** The finalizer of MurmurHash3 over the sum of both words. */
function mix(a: number, b: number): number {
  let hash = (Math.imul(a, 0x9e3779b1) + b + 0x7f4a7c15) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
