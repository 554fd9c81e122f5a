import { checkName, TallymeshError } from '@tallymesh/crdt'
import {
  type Dialing,
  type Handshake,
  type Hello,
  type Link,
  type LinkEvents,
  parsePeerUrl,
  type Traffic,
  WsAcceptor,
  type WsTlsOptions,
} from '@tallymesh/link'
import type { Member } from '@tallymesh/replica'
import type { Host } from './host.js'
import { RecentReports } from './recent-reports.js'

const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
/** A link that lasted this long was no failed attempt. */
const STABLE_MS = 5_000
/** So often in a row an address must have failed before nobody is expected there any more: that takes about half a second, in which
 *  nodes that start together find each other. */
const ALONE_ATTEMPTS = 3
/** An address that leads back here may lead elsewhere later: a name can stand for several nodes. */
const SELF_RETRY_MS = 30_000

/** An address that is worth dialing, and how it went. */
interface Target {
  readonly url: string
  /** How often it was dialed since a link to it lasted. */
  attempts: number
  nextMs: number
  openedMs: number
  dialing: Dialing | undefined
  /** The process that answered there last. Not its store: nodes on copies of one disk are several, each with its own address. */
  instance: string | undefined
}

/** How links of this node are made, and whom they tell. */
export interface Wire {
  readonly handshake: Handshake
  readonly events: LinkEvents
  readonly traffic: Traffic | undefined
}

export interface MeshOptions {
  readonly hello: () => Hello
  readonly admit: (peer: Hello) => TallymeshError | undefined
  /** What to show to whom is dialed; asked at each dial. */
  readonly token: () => string | undefined
  /** How to dial a wss peer; asked at each dial. */
  readonly tls: (url: string) => WsTlsOptions
  readonly authorize: (token: string | undefined) => boolean
  /** The addresses of the seeds now. */
  readonly seeds: () => readonly string[]
  readonly members: () => Iterable<Member>
  /** A URL was reached: it is no unknown member any more. */
  readonly reached: (url: string) => void
  /** @param urls the addresses among the peer's URLs */
  readonly opened: (link: Link, urls: readonly string[]) => void
  readonly frame: (link: Link, kind: number, body: Uint8Array) => void
  readonly closed: (link: Link) => void
  readonly report: (error: TallymeshError) => void
  /** A link ended, or did not begin, because some store was removed from the room. Answers whether it was the own one, of which
   *  nothing is left to say. */
  readonly removed: (reason: TallymeshError) => boolean
  readonly traffic?: Traffic | undefined
  readonly host: Pick<Host, 'random' | 'dial'>
}

/** Keeps this node linked with every member that has an address: dials with exponential backoff and jitter, takes the links of
 *  those who dial, and hands both to the effect loop alike. */
export class Mesh {
  readonly #targets = new Map<string, Target>()
  /** Every link whose end was not seen yet, with the peer's addresses. */
  readonly #links = new Map<Link, readonly string[]>()
  /** Made for the first who comes. */
  #acceptor: WsAcceptor | undefined
  readonly wire: Wire
  readonly #self = new TallymeshError('LINK_FAILED', 'this address is the node itself')
  readonly #reports = new RecentReports()
  /** What was made of the URLs that members are known by: looked at in every tick. */
  readonly #parsed = new WeakMap<readonly string[], readonly string[]>()
  /** Where addresses were looked for in the last tick, and what was found. */
  #sources: ReadonlyArray<readonly string[]> = []
  #found = new Set<string>()
  #nowMs = 0
  #paused = false
  #whenEmpty: (() => void)[] = []

  constructor(readonly options: MeshOptions) {
    const events: LinkEvents = {
      open: link => this.#opened(link),
      frame: (link, kind, body) => options.frame(link, kind, body),
      closed: (link, reason) => this.#closed(link, reason),
      refused: (reason, dialed) => this.#refused(reason, dialed),
    }
    const handshake = { hello: options.hello, admit: (peer: Hello) => this.#admit(peer) }
    this.wire = { handshake, events, traffic: options.traffic }
  }

  get acceptor(): WsAcceptor {
    this.#acceptor ??= new WsAcceptor({ ...this.wire, authorize: this.options.authorize })
    return this.#acceptor
  }

  /** Asks again whether the tokens shown are good. */
  recheck(): void {
    this.#acceptor?.recheck()
  }

  get links(): number {
    return this.#links.size
  }

  /** Whether nobody is linked, and every address failed several times in a row: who waits for peers waits in vain. */
  get alone(): boolean {
    if (this.#links.size > 0 || this.#targets.size === 0) return false
    // The attempt that is under way has not failed yet.
    return [...this.#targets.values()].every(({ attempts, dialing }) => attempts - (dialing ? 1 : 0) >= ALONE_ATTEMPTS)
  }

  /** Dials whoever is due. @param nowMs a monotonic time */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    if (this.#paused) return
    const wanted = this.#wanted()
    for (const target of this.#targets.values()) {
      if (wanted.has(target.url)) continue
      this.#giveUp(target)
      this.#targets.delete(target.url)
    }
    for (const url of wanted) {
      const target = this.#target(url)
      if (!target.dialing && nowMs >= target.nextMs && !this.#linked(target)) this.#dial(target)
    }
  }

  /** Closes every link and takes none until `resume`: what this node knows is being rebuilt from its disk. */
  pause(reason: TallymeshError): void {
    this.#paused = true
    for (const target of this.#targets.values()) this.#giveUp(target)
    for (const link of this.#links.keys()) link.close(reason)
  }

  resume(): void {
    this.#paused = false
  }

  /** Ends every link and takes none any more; resolves once the last is gone, in about a second at most. */
  async close(): Promise<void> {
    this.#paused = true
    for (const target of this.#targets.values()) this.#giveUp(target)
    for (const link of this.#links.keys()) link.close()
    await this.#acceptor?.close()
    if (this.#links.size > 0) await new Promise<void>(resolve => this.#whenEmpty.push(resolve))
  }

  /** The seeds, and where the members are now: what nobody names any more is not dialed for ever. */
  #wanted(): ReadonlySet<string> {
    const own = this.options.hello().urls
    const sources = [this.options.seeds(), own]
    for (const { removed, name, urls } of this.options.members())
      if (!removed) sources.push(this.#addresses(name, urls))
    // None of these lists ever changes: most ticks find the same ones.
    if (sources.length === this.#sources.length && sources.every((urls, i) => urls === this.#sources[i]))
      return this.#found
    const [seeds = [], , ...members] = sources
    this.#sources = sources
    this.#found = new Set(seeds)
    for (const urls of members) for (const url of urls) if (!own.includes(url)) this.#found.add(url)
    return this.#found
  }

  /** The addresses among what a member calls its URLs, each in its one form. Such a list never changes. */
  #addresses(name: string, urls: readonly string[]): readonly string[] {
    const known = this.#parsed.get(urls)
    if (known) return known
    const parsed = this.#parse(name, urls)
    this.#parsed.set(urls, parsed)
    return parsed
  }

  #parse(name: string, urls: readonly string[]): string[] {
    return urls.flatMap(url => {
      try {
        return [parsePeerUrl(url)]
      } catch (cause) {
        const text = `a URL of member ${JSON.stringify(name)} is not dialed: ${(cause as Error).message}`
        this.#reportOnce(new TallymeshError('INVALID_URL', text, { cause }))
        return []
      }
    })
  }

  #admit(peer: Hello): TallymeshError | undefined {
    if (peer.instance === this.options.hello().instance) return this.#self
    if (this.#paused) return new TallymeshError('NOT_READY', 'this node takes no links now; try again later')
    try {
      // A member record could not hold it.
      checkName('the name of the node', peer.name)
    } catch (error) {
      return error as TallymeshError
    }
    return this.options.admit(peer)
  }

  #target(url: string): Target {
    let target = this.#targets.get(url)
    if (!target) {
      target = { url, attempts: 0, nextMs: 0, openedMs: 0, dialing: undefined, instance: undefined }
      this.#targets.set(url, target)
    }
    return target
  }

  /** Whether a link leads to whom this address names. A seed that never answered is dialed all the same: who stands behind
   *  it is not known yet. */
  #linked(target: Target): boolean {
    const seed = this.options.seeds().includes(target.url) && target.instance === undefined
    for (const [link, urls] of this.#links) {
      if (link.dialed === target.url || link.peer.instance === target.instance) return true
      if (!seed && urls.includes(target.url)) return true
    }
    return false
  }

  #dial(target: Target): void {
    const { token, tls } = this.options
    target.attempts++
    try {
      const secure = target.url.startsWith('wss:') ? { tls: tls(target.url) } : {}
      target.dialing = this.options.host.dial(target.url, { ...this.wire, ...secure, token: token() })
    } catch (cause) {
      // A token that fits no header, or certificates that cannot be had: they may change until the next attempt.
      this.#refused(cause as TallymeshError, target.url)
    }
  }

  #giveUp(target: Target): void {
    target.dialing?.cancel()
    target.dialing = undefined
  }

  #opened(link: Link): void {
    const urls = this.#addresses(link.peer.name, link.peer.urls)
    this.#links.set(link, urls)
    if (link.dialed !== undefined) {
      const { instance } = link.peer
      Object.assign(this.#target(link.dialed), { dialing: undefined, openedMs: this.#nowMs, instance })
      this.options.reached(link.dialed)
    }
    this.options.opened(link, urls)
  }

  #closed(link: Link, reason: TallymeshError | undefined): void {
    this.#links.delete(link)
    if (link.dialed !== undefined) {
      const target = this.#target(link.dialed)
      // A peer that opens links and then ends them is asked ever more rarely, like one that does not answer.
      if (this.#nowMs - target.openedMs >= STABLE_MS) target.attempts = 0
      this.#later(target)
    }
    if (reason) this.#reportOnce(reason)
    this.options.closed(link)
    if (this.#links.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }

  #refused(reason: TallymeshError, dialed: string | undefined): void {
    if (dialed !== undefined) {
      const target = this.#target(dialed)
      target.dialing = undefined
      this.#later(target)
      if (reason === this.#self) {
        target.nextMs = this.#nowMs + SELF_RETRY_MS
        this.options.reached(dialed)
      }
    }
    this.#reportOnce(reason)
  }

  /** A peer that is down is no error; it shows as a member's state. */
  #reportOnce(reason: TallymeshError): void {
    const { code, message } = reason
    if (code === 'MEMBER_REMOVED' && this.options.removed(reason)) return
    if (code === 'LINK_FAILED' || code === 'NOT_READY') return
    if (this.#reports.isNew(`${code} ${message}`, this.#nowMs)) this.options.report(reason)
  }

  #later(target: Target): void {
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(target.attempts, 10))
    target.nextMs = this.#nowMs + backoffMs * (0.5 + this.options.host.random() / 2)
  }
}
