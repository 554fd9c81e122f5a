import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type StoreId, TallymeshError } from '@tallymesh/crdt'
import { type Hello, PROTOCOL_VERSION, Traffic } from '@tallymesh/link'
import { advertised, socketUrl } from './advertised.js'
import { Door } from './door.js'
import type { Engine } from './engine.js'
import type { Host } from './host.js'
import { Listener } from './listener.js'
import { Mesh, type Wire } from './mesh.js'
import type { Settings } from './options.js'
import { dialTls } from './peer-tls.js'
import { Seeds } from './seeds.js'
import { TokenGate } from './token-policy.js'
import { routeUpgrade } from './upgrades.js'

export interface NetworkOptions {
  readonly settings: Settings
  readonly store: StoreId
  /** Random for each process. */
  readonly instance: string
  readonly host: Host
  readonly engine: () => Engine
  /** Whether links and door clients are taken now. */
  readonly linkable: () => boolean
  readonly report: (error: TallymeshError) => void
  /** A peer says that this node's own store was removed from the room. */
  readonly removed: () => void
}

/** How a node reaches others and is reached: the seeds, the links, the y-websocket door, and the port where it has one of its
 *  own. */
export class Network {
  readonly seeds: Seeds
  /** Where others can dial this node; filled once it listens. */
  readonly urls: string[] = []
  readonly traffic = new Traffic()
  readonly #mesh: Mesh
  /** Made for the first who comes. */
  #door: Door | undefined
  #closed = false
  readonly #tokens: TokenGate
  #listener: Listener | undefined

  constructor(readonly options: NetworkOptions) {
    const { settings, engine, report } = options
    this.#tokens = new TokenGate(settings.token, report)
    this.seeds = new Seeds({
      peers: settings.peers,
      secure: settings.tls !== undefined,
      changed: () => engine().replica.members.expect(this.seeds.unreached),
      report,
      resolve: settings.resolve,
      resolveMs: settings.resolveMs,
    })
    this.#mesh = this.#makeMesh()
  }

  /** How links of this node are made, and whom they tell: for a network that is not the machine's. */
  get wire(): Wire {
    return this.#mesh.wire
  }

  /** Opens the port, if this node has one of its own. @throws TallymeshError LISTEN_FAILED */
  async listen(): Promise<void> {
    const { listen, advertise } = this.options.settings
    if (listen) {
      const { report } = this.options
      const upgrade = (...request: [IncomingMessage, Duplex, Buffer]) => this.handleUpgrade(...request)
      this.#listener = await Listener.open({ ...listen, upgrade, report })
    }
    this.urls.push(...(advertise ?? (this.#listener ? advertised(listen?.host ?? '', this.#listener.address) : [])))
  }

  /** Where the own port is, as others would dial it from this machine; else the first address that is advertised. */
  get url(): string | undefined {
    const address = this.#listener?.address
    return address ? socketUrl(address.host, address.port) : this.options.settings.advertise?.[0]
  }

  get links(): number {
    return this.#mesh.links
  }

  get alone(): boolean {
    return this.#mesh.alone
  }

  /** Takes an upgrade request, or answers it with an HTTP error; it owns the socket from then on. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    routeUpgrade(
      {
        mesh: (...upgrade) => this.#mesh.acceptor.handleUpgrade(...upgrade),
        door: (...upgrade) => this.#openDoor().handleUpgrade(...upgrade),
        linkable: () => !this.#closed && this.options.settings.reachable && this.options.linkable(),
      },
      request,
      socket,
      head,
    )
  }

  /** Ends links and door clients whose tokens are not admitted any more. */
  recheckTokens(): void {
    this.#mesh.recheck()
    this.#door?.recheck()
  }

  /** Dials whoever is due, and asks for names that are. @param nowMs a monotonic time */
  tick(nowMs: number): void {
    this.seeds.tick(nowMs)
    this.#mesh.tick(nowMs)
  }

  /** What the door shows moved on. */
  progressed(): void {
    this.#door?.progressed()
  }

  /** Ends all links and makes none until `resume`. */
  pause(reason: TallymeshError): void {
    this.#mesh.pause(reason)
  }

  /** Everything was rebuilt from the disk: links are made again, and door clients load anew. */
  resume(): void {
    // A name may have come to lead elsewhere while the new replica was loaded.
    this.options.engine().replica.members.expect(this.seeds.unreached)
    this.#door?.reset()
    this.#mesh.resume()
  }

  /** Ends everything; resolves once the last socket is gone. A server of the caller's stays as it is. */
  async close(): Promise<void> {
    this.#closed = true
    this.seeds.close()
    // Stops to listen first: a client that is sent away comes back at once.
    const unlistened = this.#listener?.close()
    const shut = this.#door?.close()
    await this.#mesh.close()
    await shut
    await unlistened
  }

  #openDoor(): Door {
    const { settings, engine, report } = this.options
    this.#door ??= new Door({
      room: settings.room,
      authorize: token => this.#tokens.admits(token, 'read'),
      origins: settings.origins,
      replica: () => engine().replica,
      report,
      clientsMax: settings.doorClientsMax,
    })
    return this.#door
  }

  #makeMesh(): Mesh {
    const { settings, engine, report, store, host } = this.options
    return new Mesh({
      hello: () => this.#hello(),
      admit: peer => this.#admit(peer),
      token: () => this.#tokens.own(),
      // An address that a name led to must show a certificate of that name.
      tls: url => dialTls(settings.tls, this.seeds.nameOf(url)),
      authorize: token => this.#tokens.admits(token, 'peer'),
      seeds: () => this.seeds.urls,
      members: () => engine().replica.members.others(),
      reached: url => this.#reached(url),
      opened: (link, urls) => engine().loop.opened(link, urls),
      frame: (link, kind, body) => engine().loop.frame(link, kind, body),
      closed: link => engine().loop.closed(link),
      report,
      // The sentence names the store: it may be the peer's, whom this node refuses.
      removed: ({ message }) => {
        const own = message.includes(store)
        if (own) this.options.removed()
        return own
      },
      traffic: this.traffic,
      host,
    })
  }

  #hello(): Hello {
    const { settings, store, instance, engine } = this.options
    const { room, name } = settings
    const replica = engine().replica.commits.replica ?? 0
    return { version: PROTOCOL_VERSION, room, name, store, instance, replica, urls: this.urls }
  }

  /** Whether a peer may link: not a store that was removed. */
  #admit(peer: Hello): TallymeshError | undefined {
    if (!this.options.engine().replica.members.isRemoved(peer.store)) return undefined
    const text = `store ${peer.store} was removed from the room for good; start that node with an empty data directory`
    return new TallymeshError('MEMBER_REMOVED', text)
  }

  #reached(url: string): void {
    this.seeds.reached(url)
    this.options.engine().replica.members.reached(url)
  }
}
