import type { ReplicaId, StoreId } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'

/** What of a disk the checks ask for. */
export interface HeldDisk {
  readonly storeId: StoreId
  clock(log: number): number
  wholeClock(log: number): number
  /** The logs on it that say that this one is folded whole. */
  foldersOf(log: number): readonly ReplicaId[]
  /** Those of them that it holds whole. */
  wholeFoldersOf(log: number): readonly ReplicaId[]
  /** The ids that logs with a flipped bit say are folded whole. */
  foldedInDamaged(): readonly ReplicaId[]
}

/** Which disks hold a flipped bit that nobody found yet: some of what they are said to hold is unreadable. */
export class Trust {
  readonly #flipped = new Map<NodeName, StoreId>()
  /** Whose damage was found: it is repaired once the node runs. */
  readonly #found = new Set<NodeName>()

  flipped(node: NodeName, disks: ReadonlyMap<NodeName, HeldDisk>): void {
    const store = disks.get(node)?.storeId
    if (store !== undefined) this.#flipped.set(node, store)
    this.#found.delete(node)
  }

  reported(node: NodeName, code: string): void {
    if (this.#flipped.has(node) && (code === 'STORE_CORRUPT' || code === 'LOG_DAMAGED')) this.#found.add(node)
  }

  started(node: NodeName): void {
    if (this.#found.delete(node)) this.#flipped.delete(node)
  }

  /** Whether a node's own disk may be unreadable in part. */
  isFlipped(node: NodeName): boolean {
    return this.#flipped.has(node)
  }

  /** Whether what a disk says can be relied on. A copy of a damaged one is damaged, too. */
  trusts({ storeId }: HeldDisk): boolean {
    if (this.#flipped.size === 0) return true
    for (const store of this.#flipped.values()) if (store === storeId) return false
    return true
  }

  /** The disk was replaced by an empty one. */
  replaced(node: NodeName): void {
    this.#flipped.delete(node)
    this.#found.delete(node)
  }
}
