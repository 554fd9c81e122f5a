import { randomBytes } from 'node:crypto'
import { type CounterKey, canonicalKey, counterKey, type Labels, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import { type Hello, PROTOCOL_VERSION, tokenMatcher } from '@tallymesh/link'
import type { MemberState } from '@tallymesh/replica'
import { openLevelStore, openWitness, type Store, type Witness } from '@tallymesh/store'
import { Counter } from './counter.js'
import { Door } from './door.js'
import { Engine } from './engine.js'
import { NodeEmitter, type NodeEvents, type NodeStatus } from './events.js'
import { Listener } from './listener.js'
import { Mesh } from './mesh.js'
import { checkOptions, type NodeOptions, type Settings } from './options.js'
import { cryptoRandom } from './random.js'

/** A member of the room, as one node sees it. */
export interface MemberInfo {
  readonly name: string
  /** Names the member's data directory: what a member is counted by. */
  readonly store: string
  /** Where it can be dialed; undefined for a node that only dials. */
  readonly url: string | undefined
  readonly state: MemberState
  /** Batches of this node's own log that the member has not confirmed as durable; 0 for this node itself. */
  readonly lag: number
  /** Whether it is this node. */
  readonly self: boolean
}

/** Figures of a node, for operators and tests. */
export interface NodeStats {
  /** The live replica id, in hexadecimal; undefined until the node counts for the first time. */
  readonly replica: string | undefined
  readonly keys: number
  readonly logs: number
  /** Yjs structs over all logs: what memory and start time depend on. */
  readonly structs: number
  /** Commits of this data directory so far. */
  readonly commits: number
  readonly links: number
}

const TICKS_PER_HEARTBEAT = 4

/** Opens a node: takes its directory, loads what it holds, and links with its peers. Resolves when it may count; peers may
 *  still be catching up then.
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME, INVALID_URL; STORE_LOCKED, STORE_CORRUPT, STORE_UNSUPPORTED,
 *    STORE_UNUSABLE, STORE_WRONG_ROOM; LISTEN_FAILED. Nothing stays open then */
export async function openNode(options: NodeOptions): Promise<TallymeshNode> {
  const settings = checkOptions(options)
  const { dataDir: dir, room, repair, runtimeDir } = settings
  const store = await openLevelStore({ dir, room, salvage: repair })
  let witness: Witness | undefined
  let node: TallymeshNode | undefined
  try {
    witness = await openWitness({
      store: store.id,
      dataDir: dir,
      created: store.created,
      ...(runtimeDir === undefined ? {} : { runtimeDir }),
    })
    node = new TallymeshNode(settings, store, witness)
    await node.start()
    return node
  } catch (error) {
    await node?.close()
    await witness?.close()
    await store.close()
    throw error
  }
}

/** One node of a room. Made by `openNode`. */
export class TallymeshNode {
  readonly #settings: Settings
  readonly #store: Store
  readonly #witness: Witness
  readonly #engine: Engine
  readonly #mesh: Mesh
  readonly #door: Door
  readonly #emitter = new NodeEmitter()
  readonly #instance = randomBytes(16).toString('hex')
  readonly #counters = new Map<CounterKey, Counter>()
  #listener: Listener | undefined
  #urls: string[] = []
  #ticker: NodeJS.Timeout | undefined
  #status: NodeStatus = 'opening'
  #closing: Promise<void> | undefined

  /** @internal Use `openNode`. */
  constructor(settings: Settings, store: Store, witness: Witness) {
    this.#settings = settings
    this.#store = store
    this.#witness = witness
    const authorize = settings.token === undefined ? () => true : tokenMatcher([settings.token])
    this.#engine = this.#makeEngine()
    this.#mesh = this.#makeMesh(authorize)
    this.#door = new Door({
      room: settings.room,
      authorize,
      origins: settings.listen?.origins ?? [],
      replica: () => this.#engine.replica,
      report: error => this.#emitter.emit('error', error),
    })
  }

  /** @internal Called by `openNode`. */
  async start(): Promise<void> {
    await this.#engine.build()
    this.#reportStart()
    const { listen, advertise, heartbeatMs } = this.#settings
    if (listen) {
      this.#listener = await Listener.open(
        listen.host,
        listen.port,
        (request, socket, head) => this.#mesh.acceptor.handleUpgrade(request, socket, head),
        (request, socket, head) => this.#door.handleUpgrade(request, socket, head),
      )
      this.#urls.push(...(advertise ?? reachable(listen.host, this.#listener.address.port)))
    }
    this.#engine.ready()
    this.#setStatus('ready')
    this.#ticker = setInterval(() => this.#tick(), heartbeatMs / TICKS_PER_HEARTBEAT)
    this.#tick()
  }

  get name(): string {
    return this.#settings.name
  }

  get room(): string {
    return this.#settings.room
  }

  get status(): NodeStatus {
    return this.#status
  }

  /** Where this node listens, as others would dial it from this machine; undefined for one that only dials. */
  get url(): string | undefined {
    const address = this.#listener?.address
    return address && `ws://${bracketed(address.host)}:${address.port}/`
  }

  /** A counter by its name and labels. The same name answers the same counter.
   *  @throws TallymeshError INVALID_NAME */
  counter(name: string, labels?: Labels): Counter {
    return this.#counter(counterKey(name, labels))
  }

  /** A counter by its key, as `counters()` and `counter.key` tell it. @throws TallymeshError INVALID_NAME */
  counterByKey(key: string): Counter {
    return this.#counter(canonicalKey(key))
  }

  /** All counters that were ever counted in the room, in key order: `[key, value]`.
   *  @throws TallymeshError VALUE_UNSAFE at a value that no number holds exactly; read such a counter's `valueBigInt` */
  *counters(options: { readonly prefix?: string } = {}): IterableIterator<[CounterKey, number]> {
    for (const cell of this.#engine.cells(options.prefix ?? '')) yield [cell.key, this.#engine.value(cell)]
  }

  /** The room as this node sees it, this node first. */
  members(): MemberInfo[] {
    const self = { name: this.name, store: this.#store.id, url: this.#urls[0], state: 'up' as const, lag: 0, self: true }
    const others = [...this.#engine.replica.view()].filter(({ removed }) => !removed)
    return [
      self,
      ...others.map(({ name, store, urls, state, lag }) => ({ name, store, url: urls[0], state, lag, self: false })),
    ]
  }

  /** Takes a member that is gone for good out of the room: its counts stay, its data directory is refused from now on, and
   *  majorities are counted without it. Resolves once that is durable here.
   *  @throws TallymeshError MEMBER_UNKNOWN, or MEMBER_UP while it is linked */
  async removeMember(name: string): Promise<void> {
    const found = this.members().filter(member => member.name === name && !member.self)
    if (found.length === 0) throw new TallymeshError('MEMBER_UNKNOWN', `no other member is called ${JSON.stringify(name)}`)
    const up = found.find(({ state }) => state === 'up')
    if (up) throw new TallymeshError('MEMBER_UP', `${name} is up; stop it before it is removed from the room`)
    for (const { store } of found) this.#engine.remove(store)
    await this.#engine.counted()
  }

  get stats(): NodeStats {
    const { room, commits } = this.#engine.replica
    let structs = 0
    for (const log of room.logs.values()) structs += log.structs
    return {
      replica: commits.replica === undefined ? undefined : showReplicaId(commits.replica),
      keys: room.table.size,
      logs: room.logs.size,
      structs,
      commits: this.#store.lastCommit?.number ?? 0,
      links: this.#mesh.links.size,
    }
  }

  on<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): this {
    this.#emitter.on(event, listener)
    return this
  }

  off<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): this {
    this.#emitter.off(event, listener)
    return this
  }

  /** Commits what was counted, gives linked peers up to `closeTimeoutMs` to confirm it, and releases port and directory.
   *  Counting is refused from the first moment on. Calling it again waits for the same close. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const failed = this.#status === 'failed'
    this.#engine.refusal = new TallymeshError('NODE_CLOSED', 'the node is closed; nothing was counted')
    this.#setStatus('draining')
    if (!failed) await this.#engine.drain(this.#settings.closeTimeoutMs)
    clearInterval(this.#ticker)
    this.#engine.close()
    this.#door.close()
    await this.#mesh.close()
    await this.#listener?.close()
    await this.#store.close()
    await this.#witness.close()
    this.#setStatus('closed')
  }

  #counter(key: CounterKey): Counter {
    let counter = this.#counters.get(key)
    if (!counter) this.#counters.set(key, (counter = new Counter(this.#engine, this.#engine.replica.cell(key))))
    return counter
  }

  #makeEngine(): Engine {
    const { name, peers, repair, heartbeatMs, antiEntropyMs, replicasTimeoutMs } = this.#settings
    const { id: store } = this.#store
    return new Engine({
      replica: {
        ...{ name, store, heartbeatMs, antiEntropyMs },
        ...{ instance: this.#instance, urls: this.#urls, seeds: peers, random: cryptoRandom },
      },
      store: this.#store,
      witness: this.#witness,
      repair,
      replicasTimeoutMs,
      events: {
        member: peer => this.#emitter.emit('peer', peer),
        report: error => this.#emitter.emit('error', error),
        progressed: () => this.#door.progressed(),
        recovering: cause => this.#recovering(cause),
        recovered: () => this.#recovered(),
        fatal: error => this.#fatal(error),
      },
    })
  }

  #makeMesh(authorize: (token: string | undefined) => boolean): Mesh {
    return new Mesh({
      hello: () => this.#hello(),
      admit: peer => this.#engine.admit(peer),
      token: this.#settings.token,
      authorize,
      seeds: this.#settings.peers,
      members: () => this.#engine.replica.view(),
      reached: url => this.#engine.replica.members.reached(url),
      opened: link => this.#engine.loop.opened(link),
      frame: (link, kind, body) => this.#engine.loop.frame(link, kind, body),
      closed: link => this.#engine.loop.closed(link),
      report: error => this.#emitter.emit('error', error),
      random: cryptoRandom,
    })
  }

  #hello(): Hello {
    const { room, name } = this.#settings
    const replica = this.#engine.replica.commits.replica ?? 0
    const { id: store } = this.#store
    return { version: PROTOCOL_VERSION, room, name, store, instance: this.#instance, replica, urls: this.#urls }
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#engine.loop.step({ type: 'tick', nowMs })
    this.#mesh.tick(nowMs)
  }

  #reportStart(): void {
    for (const damage of this.#store.damage) this.#emitter.emit('error', new TallymeshError('STORE_CORRUPT', damage))
    const { wiped, reason } = this.#witness
    if (wiped !== undefined) {
      const text = `${this.#settings.dataDir} is new, but store ${wiped} was in its place on this machine: it was wiped`
      this.#emitter.emit('error', new TallymeshError('STORE_WIPED', `${text}. The peers send back what they hold`))
    }
    if (reason !== undefined && this.#settings.runtimeDir !== false) {
      this.#emitter.emit('error', new TallymeshError('WITNESS_UNAVAILABLE', `${reason}; every start takes a fresh replica id`))
    }
  }

  #recovering(cause: TallymeshError): void {
    this.#mesh.pause(new TallymeshError('NOT_READY', 'this node reopens its store', { cause }))
    this.#setStatus('opening')
    this.#emitter.emit('error', cause)
  }

  #recovered(): void {
    this.#door.reset()
    this.#mesh.resume()
    this.#setStatus('ready')
  }

  #fatal(error: TallymeshError): void {
    this.#mesh.pause(error)
    this.#setStatus('failed')
    this.#emitter.emit('error', error)
  }

  #setStatus(status: NodeStatus): void {
    if (this.#status === status || this.#status === 'closed') return
    this.#status = status
    this.#emitter.emit('status', status)
  }
}

/** The address of a listener that others can dial; none for a wildcard, which says nothing of the machine's name. */
function reachable(host: string, port: number): string[] {
  return ['0.0.0.0', '::', '[::]'].includes(host) ? [] : [`ws://${bracketed(host)}:${port}/`]
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
