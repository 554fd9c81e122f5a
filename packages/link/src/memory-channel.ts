import { TallymeshError } from '@tallymesh/crdt'
import type { Channel, LinkSession } from './link-session.js'

/** What waits to happen at one end of a connection. `local` does not depend on the network between the ends. */
type Item = { readonly order: number; readonly local: boolean } & (
  | { readonly type: 'start' }
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | { readonly type: 'gone'; readonly lost: TallymeshError | undefined }
)

/** One end of a connection in memory. What the other end does waits in `#inbox` until it is delivered.
 *  Invariant: once this end is `#over`, its inbox ends in the one `gone` that it will be told of, or is empty. */
export class MemoryChannel implements Channel {
  readonly name: string
  session!: LinkSession
  other!: MemoryChannel
  readonly #nextOrder: () => number
  #inbox: Item[] = []
  #inboxBytes = 0
  #over = false

  constructor(name: string, nextOrder: () => number) {
    this.name = name
    this.#nextOrder = nextOrder
  }

  get queuedBytes(): number {
    return this.other.#inboxBytes
  }

  /** Nothing happens here any more. */
  get finished(): boolean {
    return this.#over && this.#inbox.length === 0
  }

  get nextIsMessage(): boolean {
    return this.#inbox[0]?.type === 'message'
  }

  /** The place of the next item in the order of everything that was done, or undefined if there is none.
   *  @param stalled whether the network holds what the other end sent */
  nextOrder(stalled: boolean): number | undefined {
    const item = this.#inbox[0]
    return item === undefined || (stalled && !item.local) ? undefined : item.order
  }

  start(): void {
    this.#inbox.push({ type: 'start', local: true, order: this.#nextOrder() })
  }

  write(message: Uint8Array): void {
    const { other } = this
    if (this.#over || other.#over) return
    other.#inbox.push({ type: 'message', bytes: message, local: false, order: this.#nextOrder() })
    other.#inboxBytes += message.length
  }

  end(): void {
    if (this.finished) return
    this.other.#leave(undefined, false)
    this.break(undefined)
  }

  cut(): void {
    if (this.finished) return
    if (!this.other.#over) this.other.#drop()
    this.other.#leave(broken(), false)
    this.break(undefined)
  }

  /** The connection is gone for this end, with all that was on its way to it. */
  break(lost: TallymeshError | undefined): void {
    this.#drop()
    this.#leave(lost, true)
  }

  /** The process of this end is gone: it hears nothing more, and the other end finds the connection broken. */
  vanish(): void {
    this.#over = true
    this.#drop()
    this.other.#leave(broken(), false)
  }

  /** Lets the next item happen. */
  deliver(damage: boolean): void {
    const item = this.#inbox.shift()
    if (item?.type === 'start') this.session.start()
    else if (item?.type === 'gone') this.session.ended(item.lost)
    else if (item?.type === 'message') {
      this.#inboxBytes -= item.bytes.length
      if (damage) flipLastBit(item.bytes)
      this.session.receive(item.bytes)
    }
  }

  #drop(): void {
    this.#inbox = []
    this.#inboxBytes = 0
  }

  #leave(lost: TallymeshError | undefined, local: boolean): void {
    if (this.#over && !local) return
    this.#over = true
    this.#inbox.push({ type: 'gone', lost, local, order: this.#nextOrder() })
  }
}

export function broken(): TallymeshError {
  return new TallymeshError('LINK_FAILED', 'the connection broke')
}

function flipLastBit(bytes: Uint8Array): void {
  const last = bytes.length - 1
  bytes[last] = (bytes[last] as number) ^ 1
}
