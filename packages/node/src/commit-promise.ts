import { WatchedPromise } from './watched-promise.js'

/** The promise that all increments of one commit share. Nobody has to await it: a failure that nobody awaits is no unhandled
 *  rejection. */
export class CommitPromise {
  readonly promise: Promise<void>
  #resolve!: () => void
  #reject!: (reason: Error) => void

  /** @param awaited called whenever somebody waits for it; where nobody has to know, `await` takes a third of the time */
  constructor(
    readonly commit: number,
    readonly awaited?: (commit: number) => void,
  ) {
    const settle = (resolve: () => void, reject: (reason: Error) => void) => {
      this.#resolve = resolve
      this.#reject = reject
    }
    const watched = awaited && new WatchedPromise(settle)
    this.promise = watched ?? new Promise(settle)
    this.promise.catch(() => {})
    if (watched) watched.awaited = () => awaited(commit)
  }

  resolve(): void {
    this.#resolve()
  }

  reject(reason: Error): void {
    this.#reject(reason)
  }
}
