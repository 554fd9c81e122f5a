/** Whether a node has once held all that every peer linked then said it holds. Once true, it stays so. */
export class CatchingUp {
  #done: boolean

  /** @param dials whether anything was configured to dial: else there is nobody to catch up with
   *  @param level whether it is so at this moment */
  constructor(
    dials: boolean,
    readonly level: () => boolean,
  ) {
    this.#done = !dials
  }

  /** Looks again, unless it is done. */
  look(): boolean {
    return (this.#done ||= this.level())
  }
}
