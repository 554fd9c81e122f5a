import type { Loss } from '../observer.js'
import type { NodeName } from '../plan/command.js'

/** Which disks were put back more than once: then the last state may be one that was given up before, with a commit that was never
 *  acknowledged and another in its place since. A witness cannot tell the two apart. */
export class Branches {
  /** How often each node's disk was put back. */
  readonly #setBack = new Map<NodeName, number>()
  #any = false

  lost(why: Loss, node: NodeName): void {
    if (why === 'wipe') this.#setBack.delete(node)
    if (why !== 'rollback' && why !== 'restore') return
    const times = (this.#setBack.get(node) ?? 0) + 1
    this.#setBack.set(node, times)
    this.#any ||= times > 1
  }

  /** Whether a node's disk may hold what was given up before. */
  has(node: NodeName): boolean {
    return (this.#setBack.get(node) ?? 0) > 1
  }

  /** Whether any disk may have held that. */
  get any(): boolean {
    return this.#any
  }
}
