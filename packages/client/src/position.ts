import { refuse } from './client-error.js'

const REPLICAS_MAX = 64
const ENTRY = /^([0-9a-f]{1,14}):(\d{1,16})$/

/** Up to where the client's own adds reach: for each replica id that acknowledged some, the clock of the last. Sent with every read as
 *  `Tallymesh-After`, so that a client which moves to another node never sees its own counts go back. At most 64 ids, those that
 *  rose last: a header of about 2 KB. */
export class Position {
  /** In the order in which they rose. */
  readonly #clocks = new Map<string, number>()

  /** @param text as `toString` wrote it. @throws TallymeshClientError INVALID_OPTION */
  static parse(text: string): Position {
    const position = new Position()
    if (typeof text !== 'string' || !position.merge(text)) {
      throw refuse('INVALID_OPTION', 'position must be the text that client.position had, such as "9f3c:12,1a2b:7"')
    }
    return position
  }

  /** Takes the larger clock of each id. Answers whether the text was well formed; nothing is taken of one that is not. */
  merge(text: string): boolean {
    const entries = text
      .split(',')
      .map(entry => entry.trim())
      .filter(entry => entry !== '')
      .map(entry => ENTRY.exec(entry))
    const whole = entries.filter(entry => entry !== null)
    if (whole.length < entries.length || !whole.every(([, , clock]) => Number.isSafeInteger(Number(clock))))
      return false
    for (const [, id = '', clock] of whole) this.#raise(id, Number(clock))
    return true
  }

  #raise(id: string, clock: number): void {
    const known = this.#clocks.get(id)
    if (known !== undefined && known >= clock) return
    this.#clocks.delete(id)
    this.#clocks.set(id, clock)
    if (this.#clocks.size <= REPLICAS_MAX) return
    for (const oldest of this.#clocks.keys()) {
      this.#clocks.delete(oldest)
      return
    }
  }

  toString(): string {
    return Array.from(this.#clocks, ([id, clock]) => `${id}:${clock}`).join(',')
  }
}
