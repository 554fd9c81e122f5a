import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TallymeshClient } from '@tallymesh/client'
import { type ServerOptions, startServer, type TallymeshServer } from '@tallymesh/server'
import { freePort } from '../cluster/free-port.js'

/** Servers of one room within the test's own process. All gone after `remove`. */
export class ServedRoom {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tallymesh-client-'))
  readonly #servers: TallymeshServer[] = []

  /** Starts servers that dial one another. */
  async start(names: readonly string[], options: Partial<ServerOptions> = {}): Promise<TallymeshServer[]> {
    const ports: number[] = []
    for (const _ of names) ports.push(await freePort())
    const started = await Promise.all(
      names.map((name, i) => {
        const port = ports[i] as number
        const peers = ports.filter(other => other !== port).map(other => `ws://127.0.0.1:${other}`)
        const dirs = { dataDir: join(this.#dir, name), runtimeDir: join(this.#dir, 'run') }
        return startServer({
          name,
          ...dirs,
          listen: { host: '127.0.0.1', port },
          peers,
          ...{ drainMs: 0, closeTimeoutMs: 1_000 },
          ...options,
        })
      }),
    )
    this.#servers.push(...started)
    return started
  }

  async remove(): Promise<void> {
    await Promise.all(this.#servers.map(server => server.close()))
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Resolves once each of these servers takes operations, as it then does while others are away, too. */
export async function takingOperations(servers: readonly TallymeshServer[]): Promise<void> {
  await Promise.all(
    servers.map(async ({ url }) => {
      const client = new TallymeshClient({ urls: [url as string] })
      await client.add('warm', 1)
      await client.close()
    }),
  )
}

/** Runs a test in a room of its own, and clears up after it however it ends. */
export function served(test: (room: ServedRoom) => Promise<void>): () => Promise<void> {
  return async () => {
    const room = new ServedRoom()
    try {
      await test(room)
    } finally {
      await room.remove()
    }
  }
}
