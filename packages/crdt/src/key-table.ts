import { type CounterKey, isPlainKeyAt } from './counter-key.js'
import { mix } from './digest.js'
import { KeyOrder } from './key-order.js'
import { PackedTexts } from './packed-texts.js'
import { roomFor } from './row-index.js'

const utf8 = new TextEncoder()
let scratch = new Uint8Array(512)
const REMEMBERED_MAX = 16_384

/** Keys, each with a small integer that stays: what the hot paths use in place of the text. An open-addressed table of hashes, half full at
 *  most, over packed texts. */
export class KeyTable {
  readonly texts = new PackedTexts()
  readonly order = new KeyOrder(this.texts)
  /** By id. */
  #hashes = new Int32Array(8)
  /** One more than an id, or 0. */
  #slots = new Int32Array(16)
  /** What was found last: who takes an entry in asks several times for its key. */
  #lastId = -1
  #lastKey: string | undefined
  /** Texts that were asked for, some thousand of the latest: V8 keeps the hash of a string with it, ours takes a walk along the text. */
  readonly #remembered = new Map<string, number>()
  /** The hash of what was looked for last and not found. */
  #missed = 0
  /** Where a hash begins, and what it is multiplied with at each byte. */
  readonly #basis: number
  readonly #factor: number

  /** @param seed 32 random bits: whoever does not know them cannot choose keys of one hash */
  constructor(seed: number) {
    this.#basis = mix(seed ^ 0x811c9dc5)
    this.#factor = mix(seed ^ 0x9e3779b9) | 1
  }

  get size(): number {
    return this.texts.size
  }

  keyOf(id: number): CounterKey {
    return this.texts.text(id) as CounterKey
  }

  /** The id of a key; a new one where it has none. */
  add(key: CounterKey): number {
    const known = this.find(key)
    if (known !== -1) return known
    const bytes = encode(key)
    return this.#remember(key, this.#insert(bytes, 0, bytes.length))
  }

  /** The id of a text, or -1. */
  find(text: string): number {
    if (text === this.#lastKey) return this.#lastId
    const known = this.#remembered.get(text)
    if (known === undefined) {
      const id = this.#look(text)
      return id === -1 ? -1 : this.#remember(text, id)
    }
    this.#lastKey = text
    this.#lastId = known
    return known
  }

  /** The id of the key whose UTF-8 is `bytes[from, to)`, without making a text of it: a new one where it has none and is a plain key; -1
   *  where it has to be checked first. Logs name keys in much the same order: the one behind the last is looked at first. */
  takeAt(bytes: Uint8Array, from: number, to: number): number {
    const next = this.#lastId + 1
    const known = next < this.size && this.texts.is(next, bytes, from, to) ? next : this.#lookAt(bytes, from, to)
    const id = known === -1 && isPlainKeyAt(bytes, from, to) ? this.#insert(bytes, from, to) : known
    if (id === -1) return -1
    this.#lastKey = undefined
    this.#lastId = id
    return id
  }

  #look(text: string): number {
    let hash = this.#basis
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return this.#lookEncoded(text)
      hash = Math.imul(hash ^ unit, this.#factor)
    }
    hash = mix(hash) | 0
    const mask = this.#slots.length - 1
    for (let at = hash; ; at++) {
      const id = (this.#slots[at & mask] as number) - 1
      if (id === -1) return this.#miss(hash)
      if (this.#hashes[id] === hash && this.texts.isPlain(id, text)) return id
    }
  }

  /** A lone surrogate, which no key holds, has the bytes of another character. */
  #lookEncoded(text: string): number {
    const bytes = encode(text)
    const id = this.#lookAt(bytes, 0, bytes.length)
    return id !== -1 && this.keyOf(id) === text ? id : -1
  }

  #lookAt(bytes: Uint8Array, from: number, to: number): number {
    let hash = this.#basis
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), this.#factor)
    hash = mix(hash) | 0
    const mask = this.#slots.length - 1
    for (let at = hash; ; at++) {
      const id = (this.#slots[at & mask] as number) - 1
      if (id === -1) return this.#miss(hash)
      if (this.#hashes[id] === hash && this.texts.is(id, bytes, from, to)) return id
    }
  }

  #remember(text: string, id: number): number {
    if (this.#remembered.size === REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(text, id)
    this.#lastKey = text
    this.#lastId = id
    return id
  }

  #miss(hash: number): number {
    this.#missed = hash
    return -1
  }

  /** A new id, for the key that was looked for last and not found. */
  #insert(bytes: Uint8Array, from: number, to: number): number {
    const id = this.texts.add(bytes, from, to)
    this.#hashes = roomFor(this.#hashes, id)
    this.#hashes[id] = this.#missed
    if (this.size * 2 > this.#slots.length) this.#spread()
    else this.#place(id)
    return id
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1
    let at = this.#hashes[id] as number
    while (this.#slots[at & mask] !== 0) at++
    this.#slots[at & mask] = id + 1
  }

  #spread(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let id = 0; id < this.size; id++) this.#place(id)
  }
}

/** A text as UTF-8; valid until the next call. */
function encode(text: string): Uint8Array {
  if (scratch.length < 3 * text.length) scratch = new Uint8Array(3 * text.length)
  return scratch.subarray(0, utf8.encodeInto(text, scratch).written)
}
