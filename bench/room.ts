import { Child } from './child.js'
import type { Scratch } from './scratch.js'

/** A room of nodes, each in a process of its own, all linked. */
export class BenchRoom {
  readonly children: readonly Child[]
  readonly dirs: readonly string[]

  private constructor(children: readonly Child[], dirs: readonly string[]) {
    this.children = children
    this.dirs = dirs
  }

  /** @param nodes how many
   *  @param keys how many counters each of them counts once; all know all of them when this resolves */
  static async start(scratch: Scratch, nodes: number, keys: number): Promise<BenchRoom> {
    const children = Array.from({ length: nodes }, () => new Child())
    const dirs = children.map(() => scratch.dir())
    const room = new BenchRoom(children, dirs)
    try {
      const urls: string[] = []
      for (const [i, child] of children.entries()) {
        const { url } = await child.ask({
          type: 'open',
          options: nodeOptions(scratch, dirs[i] as string, `n${i}`, urls),
        })
        if (url !== undefined) urls.push(url)
      }
      await room.all({ type: 'reach', keys: 0, links: nodes - 1 })
      if (keys > 0) await room.all({ type: 'count', keys })
      await room.all({ type: 'reach', keys, links: nodes - 1 })
      return room
    } catch (error) {
      await room.end()
      throw error
    }
  }

  async all(request: Parameters<Child['ask']>[0]): Promise<void> {
    await Promise.all(this.children.map(child => child.ask(request)))
  }

  async end(): Promise<void> {
    await Promise.all(this.children.map(child => child.end()))
  }
}

/** Options of a node that listens on a free port. */
export function nodeOptions(scratch: Scratch, dataDir: string, name: string, peers: readonly string[] = []) {
  return {
    ...{ name, room: 'bench', dataDir, runtimeDir: scratch.runtimeDir },
    ...{ listen: { port: 0 }, peers: [...peers] },
  }
}
