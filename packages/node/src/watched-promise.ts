type Reaction<Value, Result> = ((value: Value) => Result | PromiseLike<Result>) | null

/** Tells when somebody waits for it: `await`, `catch` and `Promise.all` all call `then`. */
export class WatchedPromise extends Promise<void> {
  /** Those that `then` answers are ordinary ones. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  awaited: (() => void) | undefined

  override then<Kept = void, Broken = never>(
    kept?: Reaction<void, Kept>,
    broken?: Reaction<unknown, Broken>,
  ): Promise<Kept | Broken> {
    this.awaited?.()
    return super.then(kept, broken)
  }
}
