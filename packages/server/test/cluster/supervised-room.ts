import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Guard } from '../../src/cluster/guard.js'
import type { SupervisedNode } from '../../src/cluster/supervised-node.js'
import { Supervisor } from '../../src/cluster/supervisor.js'
import type { SupervisorEvent } from '../../src/cluster/supervisor-event.js'
import type { SupervisorOptions } from '../../src/cluster/supervisor-options.js'
import { until } from '../../src/cluster/until.js'
import { freePorts } from './free-port.js'

const STUB = fileURLToPath(new URL('./stub-node.js', import.meta.url))
const DEADLINE_MS = 20_000

/** A supervisor over stub nodes, in a directory of its own. */
export class SupervisedRoom {
  readonly events: SupervisorEvent[] = []

  private constructor(
    readonly dir: string,
    readonly guard: Guard,
    readonly supervisor: Supervisor,
  ) {
    supervisor.on('event', event => this.events.push(event))
  }

  static async open(
    names: readonly string[],
    changes: Partial<SupervisorOptions> & { env?: NodeJS.ProcessEnv } = {},
  ): Promise<SupervisedRoom> {
    const { env = {}, ...options } = changes
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-supervisor-'))
    const first = await freePorts(names.length)
    const nodes = names.map((name, i) => ({
      ...{ name, host: '127.0.0.1', port: first + i, dataDir: join(dir, name), peers: [], env },
    }))
    const guard = new Guard(2_000)
    const supervisor = new Supervisor({
      nodes,
      logDir: dir,
      guard,
      command: ({ name, port }) => [process.execPath, STUB, name, `${port}`],
      ...options,
    })
    return new SupervisedRoom(dir, guard, supervisor)
  }

  /** Starts all and waits until they are ready. */
  async start(): Promise<void> {
    this.supervisor.start()
    await this.supervisor.settled(DEADLINE_MS)
  }

  /** What the supervisor reported of a node, by type. */
  of(name: string, type: SupervisorEvent['type']): SupervisorEvent[] {
    return this.events.filter(event => event.node === name && event.type === type)
  }

  async reported(name: string, type: SupervisorEvent['type'], count = 1): Promise<void> {
    await until(`${count} × ${type} of ${name}`, () => this.of(name, type).length >= count, DEADLINE_MS)
  }

  async ask({ spec }: SupervisedNode, path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${spec.port}${path}`, { method: 'POST' })
    return await response.json()
  }

  async close(): Promise<void> {
    await this.supervisor.stop(0)
    await this.guard.leave()
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs a test over such a room, and clears up after it however it ends. */
export function inRoom(
  names: readonly string[],
  changes: Parameters<typeof SupervisedRoom.open>[1],
  test: (room: SupervisedRoom) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const room = await SupervisedRoom.open(names, changes)
    try {
      await test(room)
    } finally {
      await room.close()
    }
  }
}
