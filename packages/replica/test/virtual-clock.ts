interface Event {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

const EVENTS_MAX = 2_000_000

/** Virtual time: what was put off happens in the order of its times, and of its arrival where those are equal. */
export class VirtualClock {
  nowMs = 0
  /** A binary heap, the earliest first. */
  readonly #events: Event[] = []
  #order = 0

  after(delayMs: number, act: () => void): void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, act }
    const heap = this.#events
    let at = heap.push(event) - 1
    while (at > 0 && isBefore(event, heap[(at - 1) >> 1] as Event)) {
      heap[at] = heap[(at - 1) >> 1] as Event
      at = (at - 1) >> 1
    }
    heap[at] = event
  }

  /** Lets time pass. @throws Error where so much happens in it that it would never end */
  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    for (let events = 0; this.#events[0] && this.#events[0].atMs <= endMs; events++) {
      const { atMs, act } = this.#pop()
      this.nowMs = atMs
      if (events > EVENTS_MAX) throw new Error('the room never comes to rest')
      act()
    }
    this.nowMs = endMs
  }

  #pop(): Event {
    const heap = this.#events
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
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
