import { randomBytes } from 'node:crypto'
import { type CounterKey, canonicalKey, counterKey, type Labels, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import { type Hello, PROTOCOL_VERSION, tokenMatcher } from '@tallymesh/link'
import type { Store, Witness } from '@tallymesh/store'
import { advertised, socketUrl } from './advertised.js'
import { Counter } from './counter.js'
import { Door } from './door.js'
import { Engine } from './engine.js'
import { NodeEmitter, type NodeEvents, type NodeStatus } from './events.js'
import { Listener } from './listener.js'
import { type MemberInfo, removable } from './member-info.js'
import { Mesh } from './mesh.js'
import type { NodeStats } from './node-stats.js'
import type { Settings } from './options.js'
import { cryptoRandom } from './random.js'
import { startReports } from './start-reports.js'

const TICKS_PER_HEARTBEAT = 4

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
  /** Seeds that were never reached: a replica that is rebuilt counts no others as members. */
  readonly #seeds: string[]
  /** What the engine reported already, where a link ends for the same reason. */
  readonly #told = new WeakSet<TallymeshError>()
  #listener: Listener | undefined
  #urls: string[] = []
  #ticker: NodeJS.Timeout | undefined
  #status: NodeStatus = 'opening'
  #closing: Promise<void> | undefined

  /** @internal Use `openNode`. */
  constructor(settings: Settings, store: Store, witness: Witness) {
    this.#settings = settings
    this.#seeds = [...settings.peers]
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
    for (const report of startReports(this.#settings, this.#store, this.#witness)) this.#emitter.emit('error', report)
    const { listen, advertise, heartbeatMs } = this.#settings
    if (listen) {
      this.#listener = await Listener.open({
        ...listen,
        mesh: (request, socket, head) => this.#mesh.acceptor.handleUpgrade(request, socket, head),
        door: (request, socket, head) => this.#door.handleUpgrade(request, socket, head),
        report: error => this.#emitter.emit('error', error),
      })
      this.#urls.push(...(advertise ?? advertised(listen.host, this.#listener.address)))
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
    return address && socketUrl(address.host, address.port)
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
    const self = {
      name: this.name,
      store: this.#store.id,
      url: this.#urls[0],
      state: 'up' as const,
      lag: 0,
      self: true,
    }
    const others = [...this.#engine.replica.view()].filter(({ removed }) => !removed)
    return [
      self,
      ...others.map(({ name, store, urls, state, lag }) => ({ name, store, url: urls[0], state, lag, self: false })),
    ]
  }

  /** Takes a member that is gone for good out of the room: its counts stay, its data directory is refused from now on, and
   *  majorities are counted without it. Of several with one name, such as a node and its wiped directory, those that are not up
   *  go. Resolves once that is durable here.
   *  @param member its name, or its store id as `members()` tells it
   *  @throws TallymeshError MEMBER_UNKNOWN, MEMBER_UP while it is linked, NOT_READY, NODE_CLOSED */
  async removeMember(member: string): Promise<void> {
    await this.#engine.remove(removable(this.members(), member))
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
      links: this.#mesh.links,
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
    const opened = this.#status === 'ready' || this.#status === 'opening'
    this.#engine.retire(new TallymeshError('NODE_CLOSED', 'the node is closed; nothing was counted'))
    this.#setStatus('draining')
    // Without a ticker the node was never ready: nothing was counted.
    if (opened && this.#ticker) await this.#engine.drain(this.#settings.closeTimeoutMs)
    clearInterval(this.#ticker)
    this.#engine.close()
    // Stops to listen first: a client that is sent away comes back at once.
    const unlistened = this.#listener?.close()
    this.#door.close()
    await this.#mesh.close()
    await unlistened
    try {
      await this.#store.close()
    } finally {
      await this.#witness.close()
      this.#setStatus('closed')
    }
  }

  #counter(key: CounterKey): Counter {
    let counter = this.#counters.get(key)
    if (!counter) this.#counters.set(key, (counter = new Counter(this.#engine, this.#engine.replica.cell(key))))
    return counter
  }

  #makeEngine(): Engine {
    const { name, repair, heartbeatMs, antiEntropyMs, replicasTimeoutMs } = this.#settings
    const { id: store } = this.#store
    return new Engine({
      replica: {
        ...{ name, store, heartbeatMs, antiEntropyMs },
        ...{ instance: this.#instance, urls: this.#urls, seeds: this.#seeds, random: cryptoRandom },
      },
      store: this.#store,
      witness: this.#witness,
      repair,
      replicasTimeoutMs,
      events: {
        member: peer => this.#emitter.emit('peer', peer),
        report: error => {
          this.#told.add(error)
          this.#emitter.emit('error', error)
        },
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
      admit: peer => this.#admit(peer),
      token: this.#settings.token,
      authorize,
      seeds: this.#settings.peers,
      members: () => this.#engine.replica.view(),
      reached: url => this.#reached(url),
      opened: (link, urls) => this.#engine.loop.opened(link, urls),
      frame: (link, kind, body) => this.#engine.loop.frame(link, kind, body),
      closed: link => this.#engine.loop.closed(link),
      report: error => {
        if (!this.#told.has(error)) this.#emitter.emit('error', error)
      },
      random: cryptoRandom,
    })
  }

  /** Whether a peer may link: not a store that was removed. */
  #admit(peer: Hello): TallymeshError | undefined {
    if (!this.#engine.replica.members.isRemoved(peer.store)) return undefined
    const text = `store ${peer.store} was removed from the room for good; start that node with an empty data directory`
    return new TallymeshError('MEMBER_REMOVED', text)
  }

  #reached(url: string): void {
    const at = this.#seeds.indexOf(url)
    if (at !== -1) this.#seeds.splice(at, 1)
    this.#engine.replica.members.reached(url)
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
    // What happens to a node that closes does not bring it back.
    if (this.#status === status || (this.#closing && status !== 'draining' && status !== 'closed')) return
    this.#status = status
    this.#emitter.emit('status', status)
  }
}
