import { KIND } from '@tallymesh/replica'
import { Cursor } from './cursor.js'
import { updateEnd } from './update-end.js'

/** What of a frame the checks look at. */
export interface FrameVisitor {
  /** The sender counts under this id. */
  live(id: number): void
  /** Whether `log` is of interest: then it is said how far the frame speaks of it. */
  wants(log: number): boolean
  speaks(log: number, clock: number): void
  /** The sender's own store is said to hold a log up to here. */
  holds(log: number, clock: number): void
}

const PULL = 0

/** Reads frames as far as the checks need it, without taking their batches apart. */
export class FrameReader {
  readonly #cursor = new Cursor()

  constructor(readonly visitor: FrameVisitor) {}

  /** @param store of the sender
   *  @throws RangeError where a frame is not what its kind promises */
  read(kind: number, body: Uint8Array, store: string): void {
    const cursor = this.#cursor.over(body)
    if (kind === KIND.ping) {
      const id = cursor.uint()
      if (id !== 0) this.visitor.live(id)
    } else if (kind === KIND.clocks) this.#readClocks(cursor)
    else if (kind === KIND.sync) this.#readSync(cursor)
    else if (kind === KIND.durable) this.#readMarks(cursor, store)
  }

  #readClocks(cursor: Cursor): void {
    const { visitor } = this
    cursor.skip(1)
    const count = cursor.uint()
    for (let i = 0; i < count; i++) {
      const log = cursor.uint()
      const clock = cursor.uint()
      cursor.skip(8)
      if (visitor.wants(log)) visitor.speaks(log, clock)
    }
    this.#end(cursor, 'clocks')
  }

  #readMarks(cursor: Cursor, store: string): void {
    const count = cursor.uint()
    for (let i = 0; i < count; i++) {
      const own = cursor.isText(store)
      const log = cursor.uint()
      const clock = cursor.uint()
      if (own) this.visitor.holds(log, clock)
    }
    this.#end(cursor, 'marks')
  }

  #readSync(cursor: Cursor): void {
    const log = cursor.uint()
    if (!this.visitor.wants(log) || cursor.uint() === PULL) return
    cursor.uint()
    const end = updateEnd(cursor)
    if (Number.isNaN(end)) throw new RangeError('an update ends too early')
    if (end > 0) this.visitor.speaks(log, end)
  }

  #end(cursor: Cursor, what: string): void {
    if (!cursor.done) throw new RangeError(`a list of ${what} ends at byte ${cursor.at} of ${cursor.bytes.length}`)
  }
}
