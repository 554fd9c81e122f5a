/** Reads the varints and length-prefixed texts of LevelDB's formats.
 *  @throws Error where the bytes end too early or a number passes 2^53 - 1 */
export class ByteReader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  get done(): boolean {
    return this.at >= this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new Error('the bytes end too early')
    return byte
  }

  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (!Number.isSafeInteger(value)) throw new Error('a number is too large')
      if (byte < 0x80) return value
    }
  }

  take(length: number): Uint8Array {
    const end = this.at + length
    if (end > this.#bytes.length) throw new Error('the bytes end too early')
    const taken = this.#bytes.subarray(this.at, end)
    this.at = end
    return taken
  }

  text(): Uint8Array {
    return this.take(this.varint())
  }
}
