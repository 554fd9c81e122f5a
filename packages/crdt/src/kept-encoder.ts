import * as encoding from 'lib0/encoding'

const KEPT_BYTES_MAX = 256 * 1024

/** Encodes one thing after another into one buffer: one that grows anew for each leaves several times its bytes to the garbage collector. */
export class KeptEncoder {
  #encoder = encoding.createEncoder()

  /** @param write must not encode into this one again
   *  @returns a copy of what it wrote */
  encode(write: (encoder: encoding.Encoder) => void): Uint8Array {
    if (this.#encoder.cbuf.length > KEPT_BYTES_MAX) this.#encoder = encoding.createEncoder()
    // What was written before, or in part by one that threw, is written over.
    this.#encoder.cpos = 0
    this.#encoder.bufs.length = 0
    write(this.#encoder)
    return encoding.toUint8Array(this.#encoder)
  }
}
