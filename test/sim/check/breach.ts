/** A broken promise: what a run of a room fails with. */
export class Breach extends Error {
  override readonly name = 'Breach'

  /** @param invariant its number in the design; 0 for what belongs to the simulation itself
   *  @param kind a short word that stays the same for failures of one kind */
  constructor(
    readonly invariant: number,
    readonly kind: string,
    message: string,
  ) {
    super(message)
  }
}
