import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer, type TallymeshServer } from '@tallymesh/server'

/** One server on a directory of its own, on loopback and without tokens. */
export class ServerScene {
  readonly port: number

  private constructor(
    readonly dir: string,
    readonly server: TallymeshServer,
  ) {
    this.port = Number(new URL(server.url).port)
  }

  static async open(): Promise<ServerScene> {
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-fuzz-'))
    try {
      const server = await startServer({
        ...{ name: 'a', room: 'shop', dataDir: join(dir, 'a'), runtimeDir: join(dir, 'run') },
        ...{ listen: { host: '127.0.0.1', port: 0 }, afterTimeoutMs: 5, drainMs: 0, shutdownTimeoutMs: 1_000 },
        // What hangs up leaves its socket to these.
        ...{ headersTimeoutMs: 2_000, bodyTimeoutMs: 2_000, connectionsMax: 10_000, closeTimeoutMs: 500 },
      })
      return new ServerScene(dir, server)
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  /** Every counter with its exact value. */
  values(): Map<string, bigint> {
    return new Map([...this.server.node.readers()].map(({ key, value }) => [key, value]))
  }

  async close(): Promise<void> {
    try {
      await this.server.close()
    } finally {
      rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
    }
  }
}
