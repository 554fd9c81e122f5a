import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What the demo asks of its guard. */
export type GuardOrder =
  | { readonly type: 'run'; readonly command: string; readonly args: readonly string[] }
  /** These processes end with the demo. */
  | { readonly type: 'watch'; readonly pids: readonly number[] }
  /** This directory is removed at the end; undefined: none is. */
  | { readonly type: 'clear'; readonly directory: string | undefined }
  | { readonly type: 'leave' }

/** What the guard tells the demo: the balancer that it ran has ended. */
export interface GuardNews {
  readonly type: 'ended'
  readonly complaint: string
}

/** A process that outlives the demo by a moment and leaves nothing behind. */
export class Guard {
  readonly #process: ChildProcess
  /** Why the balancer ended; undefined while it runs. */
  ended: string | undefined

  constructor() {
    this.#process = fork(new URL('./guard-process.js', import.meta.url), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#process.on('message', (news: GuardNews) => (this.ended = news.complaint || 'it gave no reason'))
  }

  order(order: GuardOrder): void {
    if (this.#process.connected) this.#process.send(order)
  }

  /** Ends the balancer, removes the directory, and waits until the guard itself is gone. */
  async leave(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.order({ type: 'leave' })
    await gone
  }
}
