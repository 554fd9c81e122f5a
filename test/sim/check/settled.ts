import type { Replica } from '@tallymesh/replica'
import type { NodeName } from '../plan/command.js'
import type { HeldDisk } from './trust.js'

/** A node at the end of a run: everything is healed, and nothing is under way any more. */
export interface SettledNode {
  readonly node: NodeName
  readonly disk: HeldDisk
  /** The totals that a reader is told. */
  read(key: string): { readonly increments: bigint; readonly decrements: bigint }
  /** All keys that were ever counted, as far as this node knows. */
  readonly keys: readonly string[]
  readonly replica: Replica
}
