import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeOptions, openNode, type TallymeshNode } from 'tallymesh'

/** Directories and nodes within the test's own process, gone after `remove`. */
export class Scratch {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-cluster-'))
  readonly #nodes: TallymeshNode[] = []

  options(name: string): NodeOptions {
    return { name, room: 'shop', dataDir: join(this.dir, name), runtimeDir: join(this.dir, 'run') }
  }

  async open(name: string, changes: Partial<NodeOptions> = {}): Promise<TallymeshNode> {
    const node = await openNode({ ...this.options(name), ...changes })
    this.#nodes.push(node)
    return node
  }

  async remove(): Promise<void> {
    await Promise.all(this.#nodes.map(node => node.close()))
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a test with a scratch of its own, and clears up after it however it ends. */
export function inScratch(test: (scratch: Scratch) => Promise<void>): () => Promise<void> {
  return async () => {
    const scratch = new Scratch()
    try {
      await test(scratch)
    } finally {
      await scratch.remove()
    }
  }
}
