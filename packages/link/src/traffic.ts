/** Frames of one kind in one direction, with their headers; what WebSockets, TLS and TCP add is not counted. */
export interface FrameCount {
  readonly direction: 'sent' | 'received'
  readonly kind: number
  readonly frames: number
  readonly bytes: number
}

type Mutable = { -readonly [Key in keyof FrameCount]: FrameCount[Key] }

/** Counts frames over any number of links, by direction and kind. At most 256 kinds fit the kind byte, so it stays small. */
export class Traffic {
  readonly #sent: (Mutable | undefined)[] = []
  readonly #received: (Mutable | undefined)[] = []

  /** One frame more. O(1), no allocation but for the first of its kind.
   *  @param bytes its length, header included */
  count(direction: FrameCount['direction'], kind: number, bytes: number): void {
    const counts = direction === 'sent' ? this.#sent : this.#received
    const count = (counts[kind] ??= { direction, kind, frames: 0, bytes: 0 })
    count.frames++
    count.bytes += bytes
  }

  /** What was counted so far, those sent first, by kind. */
  counts(): FrameCount[] {
    return [...this.#sent, ...this.#received].flatMap(count => (count === undefined ? [] : [{ ...count }]))
  }
}
