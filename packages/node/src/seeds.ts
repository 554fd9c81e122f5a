import { lookup } from 'node:dns/promises'
import { TallymeshError } from '@tallymesh/crdt'
import { parseDnsSeed, parsePeerUrl } from '@tallymesh/link'

/** Answers the IP addresses of a name, IPv4 and IPv6; rejects where it has none. */
export type ResolveName = (name: string) => Promise<readonly string[]>

/** Between two questions for the same name. */
const RESOLVE_MS = 5_000
/** More addresses of one name are left out: a node takes no more links than that either. */
const ADDRESSES_MAX = 128
/** Addresses that are remembered as reached. */
const REACHED_MAX = 1_024

export interface SeedsOptions {
  /** Peer URLs in their one form, and `dns:NAME:PORT`. */
  readonly peers: readonly string[]
  /** Whether the addresses of names are dialed by wss. */
  readonly secure: boolean
  /** Seeds came or went. */
  readonly changed: () => void
  readonly report: (error: TallymeshError) => void
  /** Default: the operating system's resolver. */
  readonly resolve?: ResolveName | undefined
  /** Default 5,000. */
  readonly resolveMs?: number | undefined
}

interface Name {
  /** As it was configured. */
  readonly seed: string
  readonly name: string
  readonly port: number
  urls: readonly string[]
  /** Whether it ever resolved. */
  resolved: boolean
  asking: boolean
  nextMs: number
  /** Why it did not resolve when it was asked last. */
  trouble: string | undefined
}

/** Where a node looks for the others first: configured addresses, and what configured names resolve to now. A name that fails
 *  to resolve keeps the addresses that it had. */
export class Seeds {
  readonly #options: SeedsOptions
  readonly #names: readonly Name[]
  readonly #configured: readonly string[]
  readonly #unreached: Set<string>
  /** Addresses that were reached, the longest ago first: a name may resolve to them later. */
  readonly #reached = new Set<string>()
  #urls: readonly string[]
  #closed = false

  constructor(options: SeedsOptions) {
    this.#options = options
    const parsed = options.peers.map(seed => ({ seed, dns: parseDnsSeed(seed) }))
    this.#names = parsed.flatMap(({ seed, dns }) =>
      dns ? [{ seed, ...dns, urls: [], resolved: false, asking: false, nextMs: 0, trouble: undefined }] : [],
    )
    this.#configured = parsed.flatMap(({ seed, dns }) => (dns ? [] : [seed]))
    this.#unreached = new Set(this.#configured)
    this.#urls = this.#configured
  }

  /** All addresses now, each once. */
  get urls(): readonly string[] {
    return this.#urls
  }

  /** What counts as a member that nobody has met: addresses never reached, and names that never resolved. */
  get unreached(): string[] {
    const unreached = new Set(this.#unreached)
    for (const { seed, urls, resolved } of this.#names) {
      if (!resolved) unreached.add(seed)
      for (const url of urls) if (!this.#reached.has(url)) unreached.add(url)
    }
    return [...unreached]
  }

  /** Somebody answered there. */
  reached(url: string): void {
    this.#unreached.delete(url)
    this.#reached.delete(url)
    this.#reached.add(url)
    if (this.#reached.size > REACHED_MAX) this.#reached.delete(this.#reached.values().next().value as string)
  }

  /** The name that an address was found by, which the certificate there is made out to. */
  nameOf(url: string): string | undefined {
    return this.#names.find(({ urls }) => urls.includes(url))?.name
  }

  /** Asks for the names that are due. @param nowMs a monotonic time */
  tick(nowMs: number): void {
    for (const name of this.#names) {
      if (name.asking || nowMs < name.nextMs) continue
      name.asking = true
      name.nextMs = nowMs + (this.#options.resolveMs ?? RESOLVE_MS)
      void this.#ask(name)
    }
  }

  /** Heeds no answer any more. */
  close(): void {
    this.#closed = true
  }

  async #ask(name: Name): Promise<void> {
    try {
      const scheme = this.#options.secure ? 'wss' : 'ws'
      const addresses = await (this.#options.resolve ?? resolveName)(name.name)
      const urls = addresses.flatMap(address => dialable(scheme, address, name.port))
      if (urls.length === 0) throw new Error('no address that can be dialed')
      this.#resolved(name, urls)
    } catch (error) {
      this.#failed(name, error as NodeJS.ErrnoException)
    } finally {
      name.asking = false
    }
  }

  #resolved(name: Name, urls: readonly string[]): void {
    if (this.#closed) return
    const known = name.urls.join()
    name.trouble = undefined
    // In an order of their own, because resolvers rotate theirs.
    name.urls = [...new Set(urls)].sort().slice(0, ADDRESSES_MAX)
    if (name.resolved && name.urls.join() === known) return
    name.resolved = true
    this.#urls = [...new Set([...this.#configured, ...this.#names.flatMap(({ urls }) => urls)])]
    this.#options.changed()
  }

  #failed(name: Name, cause: NodeJS.ErrnoException): void {
    const trouble = cause.code ?? cause.message
    if (name.trouble === trouble || this.#closed) return
    name.trouble = trouble
    const text = `the seed ${name.seed} does not resolve (${trouble}); is the name right? It is asked again every few seconds`
    this.#options.report(new TallymeshError('SEED_UNRESOLVED', text, { cause }))
  }
}

async function resolveName(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}

/** The URL of an address; none for one that cannot stand in a URL, such as fe80::1%eth0. */
function dialable(scheme: string, address: string, port: number): string[] {
  try {
    return [parsePeerUrl(`${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`)]
  } catch {
    return []
  }
}
