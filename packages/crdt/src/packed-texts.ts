import { roomFor } from './row-index.js'
import { plainAt } from './text.js'
import { writeUint } from './uint.js'

const PAGE_BITS = 14
const PAGE_BYTES = 2 ** PAGE_BITS
/** Two bytes before each text say how long it is. */
const LENGTH_BYTES = 2
const POSITIONS = 2 ** 32
/** Longer texts are left to the platform, which is faster on them. */
const SHORT_BYTES_MAX = 32
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Texts by number, as UTF-8 in pages beside the heap: a million strings would be as many objects for the garbage collector to mark, and take
 *  twice the memory. */
export class PackedTexts {
  readonly #pages: Uint8Array[] = []
  /** Where each text begins: its page, and its place there. */
  #starts = new Uint32Array(8)
  #end = 0
  size = 0

  /** Answers the number of a new text, `bytes[from, to)`.
   *  @throws RangeError past 4 GiB, or where it is longer than a page */
  add(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from
    const needed = LENGTH_BYTES + length
    if (needed > PAGE_BYTES) throw new RangeError(`a text of ${length} bytes`)
    if ((this.#end & (PAGE_BYTES - 1)) + needed > PAGE_BYTES || this.#end === this.#pages.length * PAGE_BYTES) {
      this.#end = this.#pages.length * PAGE_BYTES
      if (this.#end === POSITIONS) throw new RangeError('more than 4 GiB of texts')
      this.#pages.push(new Uint8Array(PAGE_BYTES))
    }
    const page = this.#pages[this.#end >>> PAGE_BITS] as Uint8Array
    let at = this.#end & (PAGE_BYTES - 1)
    page[at++] = length & 0xff
    page[at++] = length >>> 8
    if (length > SHORT_BYTES_MAX) page.set(bytes.subarray(from, to), at)
    else for (let i = from; i < to; i++) page[at++] = bytes[i] as number
    this.#starts = roomFor(this.#starts, this.size)
    this.#starts[this.size] = this.#end
    this.#end += needed
    return this.size++
  }

  text(id: number): string {
    const start = this.#starts[id] as number
    const page = this.#page(start)
    const from = (start & (PAGE_BYTES - 1)) + LENGTH_BYTES
    const length = lengthAt(page, from)
    return plainAt(page, from, length) ?? utf8.decode(page.subarray(from, from + length))
  }

  /** Writes a text as lib0 does, its length in bytes and its UTF-8. Answers where it ends. */
  write(id: number, to: Uint8Array, at: number): number {
    const start = this.#starts[id] as number
    const page = this.#page(start)
    const from = (start & (PAGE_BYTES - 1)) + LENGTH_BYTES
    const length = lengthAt(page, from)
    const text = writeUint(to, at, length)
    if (length > SHORT_BYTES_MAX) to.set(page.subarray(from, from + length), text)
    else for (let i = 0; i < length; i++) to[text + i] = page[from + i] as number
    return text + length
  }

  /** Whether a text is `bytes[from, to)`. */
  is(id: number, bytes: Uint8Array, from: number, to: number): boolean {
    const start = this.#starts[id] as number
    const page = this.#page(start)
    let at = (start & (PAGE_BYTES - 1)) + LENGTH_BYTES
    if (lengthAt(page, at) !== to - from) return false
    for (let i = from; i < to; i++) if (page[at++] !== bytes[i]) return false
    return true
  }

  /** Whether a text is `plain`, which is ASCII. */
  isPlain(id: number, plain: string): boolean {
    const start = this.#starts[id] as number
    const page = this.#page(start)
    let at = (start & (PAGE_BYTES - 1)) + LENGTH_BYTES
    if (lengthAt(page, at) !== plain.length) return false
    for (let i = 0; i < plain.length; i++) if (page[at++] !== plain.charCodeAt(i)) return false
    return true
  }

  /** The numbers in [from, to) in the order of their texts, as JavaScript compares strings. O(n log n), and the texts as strings meanwhile. */
  sorted(from: number, to: number): Int32Array {
    const ids = Int32Array.from({ length: to - from }, (_, i) => from + i)
    const texts = Array.from(ids, id => this.text(id))
    return ids.sort((a, b) => ((texts[a - from] as string) < (texts[b - from] as string) ? -1 : 1))
  }

  #page(start: number): Uint8Array {
    return this.#pages[start >>> PAGE_BITS] as Uint8Array
  }
}

function lengthAt(page: Uint8Array, from: number): number {
  return (page[from - 2] as number) | ((page[from - 1] as number) << 8)
}
