import type { Draw } from './draw.js'

interface Event {
  readonly atMs: number
  /** Orders what happens at the same moment: drawn, so that seeds differ in it. */
  readonly tie: number
  readonly order: number
  act: (() => void) | undefined
}

/** Virtual time: a heap of what will happen, the earliest first; what happens at one moment comes in a drawn order. */
export class VirtualTime {
  nowMs = 0
  /** How many events happened. */
  happened = 0
  readonly #heap: Event[] = []
  #order = 0

  constructor(readonly draw: Draw) {}

  /** How many events wait, cancelled ones included. */
  get waiting(): number {
    return this.#heap.length
  }

  /** When the next event happens; undefined where none waits. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** Puts `act` off; the answer cancels it. */
  after(delayMs: number, act: () => void): () => void {
    const order = this.#order++
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), tie: this.draw('tie', order), order, act }
    this.#push(event)
    return () => {
      event.act = undefined
    }
  }

  /** Lets the next event happen if it is due by `untilMs`. Answers false where none is; then it is `untilMs`. */
  step(untilMs: number): boolean {
    while (this.#heap[0] && this.#heap[0].atMs <= untilMs) {
      const { atMs, act } = this.#pop()
      if (act === undefined) continue
      this.nowMs = atMs
      this.happened++
      act()
      return true
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
    return false
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0 && isBefore(event, heap[(at - 1) >> 1] as Event)) {
      heap[at] = heap[(at - 1) >> 1] as Event
      at = (at - 1) >> 1
    }
    heap[at] = event
  }

  #pop(): Event {
    const heap = this.#heap
    const first = heap[0] as Event
    const last = heap.pop() as Event
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs
  return a.tie < b.tie || (a.tie === b.tie && a.order < b.order)
}
