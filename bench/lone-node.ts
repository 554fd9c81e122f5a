import { openNode, type TallymeshNode } from 'tallymesh'
import type { Scratch } from './scratch.js'

/** A node without peers, on a data directory of its own or on `dataDir`. */
export function openLone(scratch: Scratch, dataDir = scratch.dir()): Promise<TallymeshNode> {
  return openNode({ name: 'bench', room: 'bench', dataDir, runtimeDir: scratch.runtimeDir })
}
