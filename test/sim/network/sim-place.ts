import type { VirtualTime } from '../virtual-time.js'

/** Where a process runs, as far as links are concerned: it hears what happens unless it stands still; then it hears it later, in
 *  order. */
export class SimPlace {
  #paused = false
  #draining = false
  #waiting: Array<() => void> = []

  constructor(readonly time: VirtualTime) {}

  /** Lets something happen at the process, or keeps it until the process goes on and what waits before it has happened. */
  happen(act: () => void): void {
    if (this.#paused || this.#waiting.length > 0) this.#waiting.push(act)
    else act()
  }

  pause(paused: boolean): void {
    this.#paused = paused
    if (!paused) this.#drain()
  }

  /** The process is gone, and with it what waited for it. The next one does not stand still. */
  clear(): void {
    this.#paused = false
    this.#waiting = []
  }

  /** One thing an event, so that the program's promises get their turn between them. */
  #drain(): void {
    if (this.#draining || this.#waiting.length === 0) return
    this.#draining = true
    this.time.after(0, () => {
      this.#draining = false
      if (this.#paused) return
      const act = this.#waiting[0]
      act?.()
      // What the act made happen here has its place behind all that waits; a process that ended in it left nothing to wait.
      if (this.#waiting[0] === act) this.#waiting.shift()
      this.#drain()
    })
  }
}
