import type { ReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Dialing } from '@tallymesh/link'
import type { Replica } from '@tallymesh/replica'
import type { Counter } from 'tallymesh'
import type { Host, Lifecycle, TallymeshNode, Wire } from 'tallymesh/parts'
import type { SimMachine } from './machine.js'
import type { SimNetwork } from './network/sim-network.js'
import type { NodeName } from './plan/command.js'
import type { RoomSpec } from './plan/plan.js'
import { releaseOf } from './releases.js'
import type { SimDisk } from './storage/sim-disk.js'
import { SimStore, type StoreHooks } from './storage/sim-store.js'
import { SimWitness } from './storage/sim-witness.js'
import type { VirtualTime } from './virtual-time.js'

/** The room of all simulations. */
const ROOM = 'sim'
/** How many random numbers a process draws to name itself. */
const NAMING_DRAWS = 4

/** Under which address others dial a node. */
export function urlOf(node: NodeName): string {
  return `ws://${node}:1/`
}

/** What a process needs of the world. */
export interface ProcessOptions {
  readonly name: NodeName
  readonly life: number
  readonly room: RoomSpec
  readonly seeds: readonly NodeName[]
  readonly machine: SimMachine
  readonly disk: SimDisk
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly repair: boolean
  readonly release: 1 | 2
  /** Of one answer to a peer that lacks a part of a log, about. */
  readonly updateBytesMax: number
  readonly removedKeptMax: number
  /** Where the random numbers stood when this process began for the first time: a resumed snapshot keeps its name. */
  readonly bornAt: number | undefined
  readonly hooks: StoreHooks & { witnessed?(): void }
  reported(error: TallymeshError): void
  recovering(): void
}

/** One process of a node: the real node on a simulated disk, witness, network and clock. */
export class SimProcess {
  readonly node: TallymeshNode
  readonly #life: Lifecycle
  readonly #store: SimStore
  readonly #witness: SimWitness
  /** Where the machine's random numbers stood when it began. */
  readonly bornAt: number
  /** It was opened: its program has it in hand. */
  started = false
  /** How many calls wait that ask for nothing but its own disk. */
  waiting = 0
  readonly #counters = new Map<string, Counter>()
  #dead = false
  #paused = false
  /** What would have happened while it stood still. */
  #deferred: (() => void)[] = []

  /** @throws TallymeshError STORE_CORRUPT and the like, as opening a directory does */
  constructor(readonly options: ProcessOptions) {
    const { name, room, seeds, machine, disk, repair, hooks } = options
    this.#store = new PausableStore(disk, { room: ROOM, repair, hooks }, () => this.#awake())
    try {
      const store = this.#store.id
      const { created } = this.#store
      const witness = { store, place: name, created, written: () => hooks.witnessed?.() }
      this.#witness = new SimWitness(machine.memory, witness)
    } catch (error) {
      this.#store.kill()
      throw error
    }
    this.bornAt = options.bornAt ?? machine.random.position
    const { checkOptions, Lifecycle, TallymeshNode } = releaseOf(options.release)
    const checked = checkOptions({
      ...{ name, room: ROOM, dataDir: `/sim/${name}`, repair, batchVersion: options.release },
      ...{ heartbeatMs: room.heartbeatMs, antiEntropyMs: room.antiEntropyMs },
      listen: { advertise: [urlOf(name)] },
      peers: seeds.map(urlOf),
    })
    const {
      commitEntriesMax,
      retryWindowMs,
      operationsMax,
      foldAfterMs = Number.MAX_SAFE_INTEGER,
      foldGraceMs = 0,
    } = room
    const settings = {
      ...{
        ...checked,
        updateBytesMax: options.updateBytesMax,
        removedKeptMax: options.removedKeptMax,
        foldAfterMs,
        foldGraceMs,
      },
      ...(commitEntriesMax !== undefined && { commitEntriesMax }),
      ...(retryWindowMs !== undefined && { retryWindowMs }),
      ...(operationsMax !== undefined && { operationsMax }),
    }
    this.#life = new Lifecycle(settings, this.#store, this.#witness, this.#host())
    this.node = new TallymeshNode(this.#life)
    this.node.on('error', error => {
      if (this.#dead) return
      // A node that drains stays so while its disk is reopened.
      if (error.code === 'INDETERMINATE' && this.node.status === 'draining') options.recovering()
      options.reported(error)
    })
    this.node.on('status', status => {
      if (status === 'opening' && !this.#dead) options.recovering()
    })
  }

  get dead(): boolean {
    return this.#dead
  }

  /** A counter, kept as programs keep theirs. @throws TallymeshError INVALID_NAME */
  counter(key: string): Counter {
    let counter = this.#counters.get(key)
    if (!counter) this.#counters.set(key, (counter = this.node.counterByKey(key)))
    return counter
  }

  get paused(): boolean {
    return this.#paused
  }

  get replica(): Replica {
    return this.#life.engine.replica
  }

  /** Where the commits end that it formed, durable or not; undefined while it has no id. */
  get formed(): { readonly log: ReplicaId; readonly clock: number } | undefined {
    const { replica: log, state, inFlight } = this.replica.commits
    if (log === undefined) return undefined
    return { log, clock: inFlight?.replica === log ? inFlight.end : (state?.clock ?? 0) }
  }

  /** Whether nothing waits: for the disk, or to be taken in. */
  get atRest(): boolean {
    return this.node.status === 'ready' && !this.#life.engine.loop.stopped && this.replica.settled
  }

  /** Loads and counts from then on, and takes links. */
  async start(): Promise<void> {
    await this.node.start()
    if (this.#dead) return
    this.started = true
    this.options.network.listen(urlOf(this.options.name), this.options.name, this.#life.network.wire)
  }

  pause(): void {
    this.#paused = true
    this.options.network.pause(this.options.name, true)
  }

  /** Goes on where it stood: first with what would have happened meanwhile. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    for (const act of this.#deferred.splice(0)) if (!this.#dead) act()
    this.options.network.pause(this.options.name, false)
  }

  /** The process is gone, in the middle of whatever it did. */
  kill(): void {
    if (this.#dead) return
    this.#dead = true
    this.#store.kill()
    this.#witness.kill()
    this.options.network.vanish(this.options.name)
    if (this.#paused) this.options.network.pause(this.options.name, false)
  }

  #host(): Host {
    const { name, machine, time, network } = this.options
    let drawn = 0
    const renamed = this.options.bornAt
    return {
      random: () => {
        // A resumed snapshot is the process that it was: it keeps its name.
        if (drawn++ < NAMING_DRAWS && renamed !== undefined) return machine.random.at(renamed + drawn - 1)
        return machine.random.next()
      },
      nowMs: () => machine.nowMs,
      wallMs: () => machine.wallMs,
      after: (delayMs, act) => time.after(delayMs, () => this.#run(act)),
      every: (intervalMs, act) => this.#every(intervalMs, act),
      soon: act => void time.after(0, () => this.#run(act)),
      dial: (url, wire): Dialing => network.dial(name, url, wire as Wire),
    }
  }

  #every(intervalMs: number, act: () => void): () => void {
    const { time } = this.options
    let ended = false
    const next = () => {
      if (ended || this.#dead) return
      // While it stands still, one turn waits, not one for each interval.
      this.#run(() => {
        act()
        time.after(intervalMs, next)
      })
    }
    time.after(intervalMs, next)
    return () => {
      ended = true
    }
  }

  /** Lets the program do something, once it runs. */
  #run(act: () => void): void {
    if (this.#dead) return
    if (this.#paused) this.#deferred.push(act)
    else act()
  }

  #awake(): Promise<void> | undefined {
    if (!this.#paused) return undefined
    return new Promise(resolve => this.#deferred.push(resolve))
  }
}

/** A store whose answers wait while the process stands still. */
class PausableStore extends SimStore {
  readonly #awake: () => Promise<void> | undefined

  constructor(
    disk: SimDisk,
    options: ConstructorParameters<typeof SimStore>[1],
    awake: () => Promise<void> | undefined,
  ) {
    super(disk, options)
    this.#awake = awake
  }

  override async write(write: Parameters<SimStore['write']>[0]): Promise<void> {
    try {
      await super.write(write)
    } finally {
      await this.#awake()
    }
  }
}
