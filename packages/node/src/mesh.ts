import { type StoreId, TallymeshError } from '@tallymesh/crdt'
import { type Dialing, dialWs, type Handshake, type Hello, type Link, type LinkEvents, WsAcceptor } from '@tallymesh/link'
import type { Member } from '@tallymesh/replica'

const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000

/** An address that is worth dialing, and how it went. */
interface Target {
  readonly url: string
  attempts: number
  nextMs: number
  dialing: Dialing | undefined
  /** The store that answered there last. */
  store: StoreId | undefined
  /** This node itself answered there. */
  self: boolean
  /** What was reported last, so that a refusal that stays is reported once. */
  reported: string | undefined
}

export interface MeshOptions {
  readonly hello: () => Hello
  readonly admit: (peer: Hello) => TallymeshError | undefined
  readonly token: string | undefined
  readonly authorize: (token: string | undefined) => boolean
  readonly seeds: readonly string[]
  readonly members: () => Iterable<Member>
  /** A URL was reached: it is no unknown member any more. */
  readonly reached: (url: string) => void
  readonly opened: (link: Link) => void
  readonly frame: (link: Link, kind: number, body: Uint8Array) => void
  readonly closed: (link: Link) => void
  readonly report: (error: TallymeshError) => void
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Keeps this node linked with every member that has an address: dials with exponential backoff and jitter, takes the links of
 *  those who dial, and hands both to the effect loop alike. */
export class Mesh {
  readonly #targets = new Map<string, Target>()
  readonly #links = new Set<Link>()
  readonly acceptor: WsAcceptor
  readonly #wire: { handshake: Handshake; events: LinkEvents }
  #nowMs = 0
  #paused = false

  constructor(readonly options: MeshOptions) {
    const events: LinkEvents = {
      open: link => this.#opened(link),
      frame: (link, kind, body) => options.frame(link, kind, body),
      closed: (link, reason) => this.#closed(link, reason),
      refused: (reason, dialed) => this.#refused(reason, dialed),
    }
    this.#wire = { handshake: { hello: options.hello, admit: peer => this.#admit(peer) }, events }
    this.acceptor = new WsAcceptor({ ...this.#wire, authorize: options.authorize })
    for (const url of options.seeds) this.#target(url)
  }

  get links(): ReadonlySet<Link> {
    return this.#links
  }

  /** Dials whoever is due. @param nowMs a monotonic time */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#paused) return
    const own = this.options.hello().urls
    for (const member of this.options.members()) {
      if (!member.removed) for (const url of member.urls) if (!own.includes(url)) this.#target(url)
    }
    for (const target of this.#targets.values()) {
      if (!target.self && !target.dialing && nowMs >= target.nextMs && !this.#linked(target)) this.#dial(target)
    }
  }

  /** Closes every link and takes none until `resume`: what this node knows is being rebuilt from its disk. */
  pause(reason: TallymeshError): void {
    this.#paused = true
    for (const target of this.#targets.values()) this.#giveUp(target)
    for (const link of this.#links) link.close(reason)
  }

  resume(): void {
    this.#paused = false
  }

  async close(): Promise<void> {
    this.#paused = true
    for (const target of this.#targets.values()) this.#giveUp(target)
    for (const link of this.#links) link.close()
    await this.acceptor.close()
  }

  #admit(peer: Hello): TallymeshError | undefined {
    if (peer.instance === this.options.hello().instance) return new TallymeshError('LINK_FAILED', SELF)
    if (this.#paused) return new TallymeshError('NOT_READY', 'this node takes no links now; try again later')
    return this.options.admit(peer)
  }

  #target(url: string): Target {
    let target = this.#targets.get(url)
    if (!target) {
      target = { url, attempts: 0, nextMs: 0, dialing: undefined, store: undefined, self: false, reported: undefined }
      this.#targets.set(url, target)
    }
    return target
  }

  /** Whether a link leads to whom this address names. A seed that never answered is dialed all the same: who stands behind
   *  it is not known yet. */
  #linked(target: Target): boolean {
    const seed = this.options.seeds.includes(target.url) && target.store === undefined
    for (const link of this.#links) {
      if (link.dialed === target.url || link.peer.store === target.store) return true
      if (!seed && link.peer.urls.includes(target.url)) return true
    }
    return false
  }

  #dial(target: Target): void {
    const { token } = this.options
    target.attempts++
    target.dialing = dialWs(target.url, { ...this.#wire, token })
  }

  #giveUp(target: Target): void {
    target.dialing?.cancel()
    target.dialing = undefined
  }

  #opened(link: Link): void {
    this.#links.add(link)
    const target = link.dialed === undefined ? undefined : this.#target(link.dialed)
    if (target) {
      Object.assign(target, { dialing: undefined, attempts: 0, store: link.peer.store, reported: undefined })
      this.options.reached(target.url)
    }
    this.options.opened(link)
  }

  #closed(link: Link, reason: TallymeshError | undefined): void {
    this.#links.delete(link)
    if (link.dialed !== undefined) this.#later(this.#target(link.dialed))
    if (reason && reason.code !== 'LINK_FAILED' && reason.code !== 'NOT_READY') this.options.report(reason)
    this.options.closed(link)
  }

  #refused(reason: TallymeshError, dialed: string | undefined): void {
    const target = dialed === undefined ? undefined : this.#target(dialed)
    if (target) {
      target.dialing = undefined
      this.#later(target)
      if (reason.message.endsWith(SELF)) {
        target.self = true
        this.options.reached(target.url)
      }
    }
    // A peer that is down is no error; it shows as a member's state.
    const told = `${reason.code} ${reason.message}`
    if (reason.code === 'LINK_FAILED' || reason.code === 'NOT_READY' || target?.reported === told) return
    if (target) target.reported = told
    this.options.report(reason)
  }

  #later(target: Target): void {
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(target.attempts, 10))
    target.nextMs = this.#nowMs + backoffMs * (0.5 + this.options.random() / 2)
  }
}

const SELF = 'this address is the node itself'
