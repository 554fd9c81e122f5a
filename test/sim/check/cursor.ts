/** Reads the bytes of a frame in place. Past the end, numbers are not numbers: `done` tells. */
export class Cursor {
  bytes: Uint8Array = new Uint8Array()
  at = 0

  over(bytes: Uint8Array): this {
    this.bytes = bytes
    this.at = 0
    return this
  }

  /** Whether all was read, and nothing beyond. */
  get done(): boolean {
    return this.at === this.bytes.length
  }

  byte(): number {
    return this.bytes[this.at++] ?? Number.NaN
  }

  /** An unsigned integer as lib0 writes them: 7 bits a byte, the lowest first. */
  uint(): number {
    const { bytes } = this
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[this.at++]
      if (byte === undefined) return Number.NaN
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  skip(bytes: number): void {
    this.at += bytes
  }

  /** Takes a text of ASCII characters, with its length before it, and answers whether it is this one. */
  isText(text: string): boolean {
    const length = this.uint()
    const start = this.at
    this.at += length
    if (length !== text.length) return false
    for (let i = 0; i < length; i++) if (this.bytes[start + i] !== text.charCodeAt(i)) return false
    return true
  }
}
