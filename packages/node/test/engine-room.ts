import { type CounterKey, counterKey, type ReplicaId, type TallymeshError } from '@tallymesh/crdt'
import { type Link, MemoryNetwork, PROTOCOL_VERSION } from '@tallymesh/link'
import type { Cell } from '@tallymesh/replica'
import { MemoryDisk, MemoryStore, openWitness, type Store } from '@tallymesh/store'
import { Engine } from '../src/engine.js'
import type { EngineOptions } from '../src/engine-options.js'
import { processHost } from '../src/host.js'
import { cryptoRandom } from '../src/random.js'
import { turn } from './wait.js'

const HEARTBEAT_MS = 40
const STEP_MS = 2

/** An engine on a disk in memory, without a node around it. */
export class RoomEngine {
  readonly errors: TallymeshError[] = []
  readonly links = new Set<Link>()
  readonly story: string[] = []
  readonly engine: Engine

  constructor(
    readonly name: string,
    readonly store: Store,
    options: Omit<EngineOptions, 'store' | 'events'>,
    events: Partial<EngineOptions['events']>,
  ) {
    this.engine = new Engine({
      ...options,
      store,
      events: {
        member: () => {},
        report: error => this.errors.push(error),
        progressed: () => {},
        recovering: () => {
          for (const link of this.links) link.close()
          this.story.push('recovering')
        },
        recovered: () => this.story.push('recovered'),
        fatal: error => this.story.push(`fatal ${error.code}`),
        ...events,
      },
    })
  }

  cell(name: string): Cell {
    return this.engine.replica.cell(counterKey(name))
  }

  entries(counts: Readonly<Record<string, number>>): Array<{ cell: Cell; add: number }> {
    return Object.entries(counts).map(([name, add]) => ({ cell: this.cell(name), add }))
  }

  add(counts: Readonly<Record<string, number>>): Promise<void> {
    return this.engine.add(this.entries(counts))
  }

  increment(name: string, amount = 1): Promise<void> {
    this.engine.commits.increment(this.cell(name), amount)
    return this.engine.counted()
  }

  value(name: string): number {
    return this.engine.value(this.cell(name))
  }

  codes(): string[] {
    return this.errors.map(({ code }) => code)
  }
}

export interface RoomEngineOptions {
  readonly disk?: MemoryDisk
  readonly store?: Store
  readonly seeds?: readonly string[]
  readonly runtimeDir?: string
  readonly updateBytesMax?: number
  readonly events?: Partial<EngineOptions['events']>
}

/** Engines that are linked over a network in memory, which delivers as time passes. */
export class EngineRoom {
  readonly network = new MemoryNetwork()
  readonly #engines: RoomEngine[] = []
  #nowMs = 0
  readonly #timer = setInterval(() => this.#step(), STEP_MS)

  async open(name: string, options: RoomEngineOptions = {}): Promise<RoomEngine> {
    const disk = options.disk ?? new MemoryDisk()
    const store = options.store ?? new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const witness = await openWitness({ store: store.id, runtimeDir: options.runtimeDir ?? false })
    const instance = Buffer.from(name.padEnd(16, '.')).toString('hex').slice(0, 32)
    const { seeds = [], updateBytesMax } = options
    const one = new RoomEngine(
      name,
      store,
      {
        replica: {
          ...{ name, store: store.id, instance, urls: [], seeds, random: cryptoRandom },
          ...{ heartbeatMs: HEARTBEAT_MS, antiEntropyMs: 2 * HEARTBEAT_MS },
          ...(updateBytesMax === undefined ? {} : { updateBytesMax }),
        },
        ...{ witness, repair: true, replicasTimeoutMs: 5_000, host: processHost },
      },
      options.events ?? {},
    )
    await one.engine.build()
    one.engine.ready()
    this.#engines.push(one)
    this.#join(one, instance)
    return one
  }

  /** Links two engines. */
  link(a: RoomEngine, b: RoomEngine): void {
    this.network.connect(a.name, b.name)
  }

  cut(a: RoomEngine, b: RoomEngine): void {
    this.network.cut(a.name, b.name)
    this.network.heal(a.name, b.name)
  }

  /** The process ends as by a crash. */
  crash(one: RoomEngine): void {
    this.network.leave(one.name)
    one.engine.loop.stop()
    if (one.store instanceof MemoryStore) one.store.crash()
    this.#engines.splice(this.#engines.indexOf(one), 1)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const { engine, store } of this.#engines) {
      engine.close()
      await store.close()
    }
    await turn()
  }

  #join(one: RoomEngine, instance: string): void {
    const { engine, name, store, links } = one
    const hello = () => {
      const replica: ReplicaId | 0 = engine.replica.commits.replica ?? 0
      return { version: PROTOCOL_VERSION, room: 'lab', name, store: store.id, instance, replica, urls: [] }
    }
    this.network.join(name, {
      handshake: { hello, admit: () => undefined },
      events: {
        open: link => {
          links.add(link)
          engine.loop.opened(link, [])
        },
        frame: (link, kind, body) => engine.loop.frame(link, kind, body),
        closed: link => {
          links.delete(link)
          engine.loop.closed(link)
        },
        refused: () => {},
      },
    })
  }

  #step(): void {
    this.#nowMs += STEP_MS
    this.network.deliverAll()
    for (const { engine } of this.#engines) engine.loop.step({ type: 'tick', nowMs: this.#nowMs })
  }
}

/** Runs a test in a room of its own. */
export function inRoom(run: (room: EngineRoom) => Promise<void>): () => Promise<void> {
  return async () => {
    const room = new EngineRoom()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      await run(room)
    } finally {
      await room.close()
      process.off('unhandledRejection', note)
    }
    if (unhandled.length > 0) throw new Error(`a rejection was not handled: ${String(unhandled[0])}`)
  }
}

export function key(name: string): CounterKey {
  return counterKey(name)
}
