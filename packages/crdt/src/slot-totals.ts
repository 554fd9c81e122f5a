/** Totals of slots of one log, by the ids that their keys have in its table: columns rather than an object each. */
export class SlotTotals {
  readonly ids: number[] = []
  readonly p: number[] = []
  readonly n: number[] = []

  get size(): number {
    return this.ids.length
  }

  add(id: number, p: number, n: number): void {
    this.ids.push(id)
    this.p.push(p)
    this.n.push(n)
  }
}
