import type { TallymeshError } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'
import type { VirtualTime } from '../virtual-time.js'
import type { Conditions } from './conditions.js'
import type { SimPlace } from './sim-place.js'

/** What one end of a connection tells the other besides messages. None of it is lost, or overtakes what it follows, unless said. */
export type Signal =
  /** The dialer's request. */
  | { readonly type: 'dial' }
  /** The answer to it: a hello follows. */
  | { readonly type: 'connected' }
  | { readonly type: 'refused'; readonly reason: TallymeshError }
  /** An ordinary end, which is answered. */
  | { readonly type: 'close'; readonly lost: TallymeshError | undefined }
  | { readonly type: 'closed' }
  /** The end of a connection whose other end is no more. */
  | { readonly type: 'gone' }

/** Who takes what a pipe brings. */
export interface Receiver {
  receive(message: Uint8Array): void
  hear(signal: Signal): void
}

/** What all pipes of a network share. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly injected: Injected
  inFlight: number
  tap: ((from: NodeName, to: NodeName, bytes: Uint8Array) => void) | undefined
}

/** How often each kind of fault really happened. */
export type Injected = {
  lost: number
  repeated: number
  damaged: number
  /** Frames that came after one that was sent later. */
  overtaken: number
  clogged: number
  /** Directions of a connection in which something waited for the end of a cut. */
  stalled: number
  /** Connections that did not outlive a cut. */
  broken: number
  dropped: number
  /** Connections that ended with the process at one end. */
  vanished: number
  /** Attempts to dial where nobody listened. */
  refused: number
  /** Attempts to dial that nobody answered in time. */
  unanswered: number
}

interface Item {
  readonly arriveMs: number
  /** The number of the frame in its direction. */
  readonly frame: number
  /** What it counts as queued. */
  readonly queuedBytes: number
  readonly what: Uint8Array | Signal
}

/** A repeated frame comes, and a frame that is held back arrives, up to so many times the longest ordinary delay later. */
const LATER_MAX = 8
/** How long it may take after a cut until what was not confirmed is sent once more. */
const AGAIN_MS_MAX = 400
const COMPACT_MIN = 64

/**
 * One direction of a connection: what was sent and has not arrived, the next first.
 *
 * Invariant: at most one event waits in virtual time for a pipe, at or before the moment when the first item that has not arrived
 * can arrive; none while a cut stalls it.
 */
export class SimPipe {
  receiver!: Receiver
  /** Bytes sent that have not arrived. */
  queuedBytes = 0
  #items: Item[] = []
  #head = 0
  /** When the last of what keeps its order arrives. */
  #lastMs = 0
  /** The frame with the highest number that arrived. */
  #arrived = -1
  /** Nothing arrives before. */
  #againMs = 0
  #state: 'open' | 'dark' | 'closed' = 'open'
  #stalled = false
  /** Up to here everything has arrived, and waits at a process that stands still. */
  #parkedMs: number | undefined
  #cancel: (() => void) | undefined
  /** When the event happens that `#cancel` cancels. */
  #dueMs = 0

  constructor(
    readonly around: Surroundings,
    readonly conditions: Conditions,
    readonly place: SimPlace,
  ) {}

  send(message: Uint8Array): void {
    if (this.#state !== 'open') {
      if (this.#state === 'dark') this.queuedBytes += message.length
      return
    }
    const { conditions, around } = this
    around.tap?.(conditions.from, conditions.to, message)
    const frame = conditions.nextFrame()
    const arriveMs = around.time.nowMs + conditions.delayMs(frame)
    if (conditions.faulty) this.#sendFaulty(message, frame, arriveMs)
    else this.#put(frame, this.#inOrder(arriveMs), message, message.length)
  }

  /** @param overtakes whether it arrives before what was sent earlier and takes longer */
  signal(signal: Signal, overtakes = false): void {
    if (this.#state !== 'open') return
    const delayMs = this.conditions.delayMsMax * (0.5 + this.conditions.next() / 2)
    const arriveMs = this.around.time.nowMs + delayMs
    this.#put(-1, overtakes ? arriveMs : this.#inOrder(arriveMs), signal, 0)
  }

  /** Nothing arrives any more. @param dark whether what is sent from now on fills the sender's queue, as where nobody confirms it */
  close(dark: boolean): void {
    this.around.inFlight -= this.#items.length - this.#head
    this.#items = []
    this.#head = 0
    if (!dark) this.queuedBytes = 0
    this.#state = dark ? 'dark' : 'closed'
    this.#unschedule()
  }

  /** The conditions are other ones now. Answers whether something waited for the end of a cut, and goes on now. */
  resume(): boolean {
    if (this.#state !== 'open' || this.conditions.cut) return false
    const stalled = this.#stalled
    if (stalled) this.#againMs = this.around.time.nowMs + this.conditions.next() * AGAIN_MS_MAX
    this.#stalled = false
    this.#unschedule()
    this.#schedule()
    return stalled
  }

  #sendFaulty(message: Uint8Array, frame: number, arriveMs: number): void {
    const { conditions, around } = this
    if (conditions.befalls('lose', frame)) {
      around.injected.lost++
      return
    }
    const laterMs = LATER_MAX * conditions.delayMsMax
    if (conditions.befalls('repeat', frame)) {
      around.injected.repeated++
      this.#put(frame, arriveMs + conditions.detail('repeat', frame) * laterMs, message.slice(), 0)
    }
    let what = message
    if (conditions.befalls('damage', frame)) {
      around.injected.damaged++
      what = flipBit(message, conditions.detail('damage', frame))
    }
    if (!conditions.befalls('reorder', frame)) this.#put(frame, this.#inOrder(arriveMs), what, message.length)
    else if (!this.#putFirst(frame, arriveMs, what)) {
      // Nobody is there to be overtaken, so it is held back: those that follow overtake it.
      this.#put(frame, arriveMs + conditions.detail('reorder', frame) * laterMs, what, message.length)
    }
  }

  #inOrder(arriveMs: number): number {
    return (this.#lastMs = Math.max(arriveMs, this.#lastMs))
  }

  #put(frame: number, arriveMs: number, what: Item['what'], queuedBytes: number): void {
    const items = this.#items
    let at = items.length
    while (at > this.#head && (items[at - 1] as Item).arriveMs > arriveMs) at--
    const item = { arriveMs, frame, queuedBytes, what }
    if (at === items.length) items.push(item)
    else items.splice(at, 0, item)
    this.#wasPut(at, queuedBytes)
  }

  /** Answers false where no other message is on its way: the signals of a beginning stay first. */
  #putFirst(frame: number, arriveMs: number, what: Uint8Array): boolean {
    const first = this.#items[this.#head]
    if (first === undefined || first.frame < 0 || this.#parkedMs !== undefined) return false
    const item = { arriveMs: Math.min(arriveMs, first.arriveMs), frame, queuedBytes: what.length, what }
    this.#items.splice(this.#head, 0, item)
    this.#wasPut(this.#head, what.length)
    return true
  }

  #wasPut(at: number, queuedBytes: number): void {
    this.queuedBytes += queuedBytes
    this.around.inFlight++
    if (at === this.#head || this.#parkedMs !== undefined) this.#schedule()
  }

  /** Waits for the first that has not arrived. */
  #schedule(): void {
    const first = this.#items[this.#parkedMs === undefined ? this.#head : this.#firstAfter(this.#parkedMs)]
    if (first === undefined || this.#stalled) return
    const { time, injected } = this.around
    const { clogUntilMs } = this.conditions
    const dueMs = Math.max(first.arriveMs, this.#againMs, clogUntilMs)
    if (this.#cancel && this.#dueMs <= dueMs) return
    this.#unschedule()
    if (dueMs === clogUntilMs) injected.clogged++
    this.#dueMs = dueMs
    this.#cancel = time.after(dueMs - time.nowMs, this.#due)
  }

  #unschedule(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Where the first item stands that arrives after `ms`. */
  #firstAfter(ms: number): number {
    let low = this.#head
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#items[middle] as Item).arriveMs > ms) high = middle
      else low = middle + 1
    }
    return low
  }

  readonly #due = (): void => {
    const { around, conditions } = this
    this.#cancel = undefined
    if (conditions.cut) {
      this.#stalled = true
      around.injected.stalled++
    } else if (around.time.nowMs < conditions.clogUntilMs) this.#schedule()
    else {
      const parked = this.#parkedMs !== undefined
      this.#parkedMs = around.time.nowMs
      if (!parked) this.place.happen(this.#deliver)
      // A system takes what arrives while its process stands still.
      if (this.#parkedMs !== undefined) this.#schedule()
    }
  }

  /** Brings what arrived at once, as a socket does. */
  readonly #deliver = (): void => {
    const untilMs = this.#parkedMs ?? 0
    this.#parkedMs = undefined
    for (;;) {
      const item = this.#items[this.#head]
      if (item === undefined || item.arriveMs > untilMs) break
      this.#shift(item)
      if (item.frame < 0) this.receiver.hear(item.what as Signal)
      else {
        if (item.frame < this.#arrived && item.queuedBytes > 0) this.around.injected.overtaken++
        this.#arrived = Math.max(this.#arrived, item.frame)
        this.receiver.receive(item.what as Uint8Array)
      }
    }
    this.#schedule()
  }

  #shift(item: Item): void {
    this.queuedBytes -= item.queuedBytes
    this.around.inFlight--
    if (++this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= COMPACT_MIN && 2 * this.#head >= this.#items.length) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
  }
}

function flipBit(message: Uint8Array, where: number): Uint8Array {
  const flipped = message.slice()
  const bit = Math.floor(where * flipped.length * 8)
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
  return flipped
}
