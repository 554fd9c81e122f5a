/** The promise that all increments of one commit share. Nobody has to await it: a failure that nobody awaits is no unhandled
 *  rejection. */
export class CommitPromise {
  readonly promise: Promise<void>
  #resolve!: () => void
  #reject!: (reason: Error) => void

  constructor(readonly commit: number) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.promise.catch(() => {})
  }

  resolve(): void {
    this.#resolve()
  }

  reject(reason: Error): void {
    this.#reject(reason)
  }
}
