import type { MemberEntry, RemovalsEntry, StoreId } from '@tallymesh/crdt'
import type { MemberState, PeerIdentity } from './effect.js'
import { FailureDetector, PHI_DOWN, PHI_SUSPECT } from './failure-detector.js'
import type { Introduction } from './protocol.js'

/** A member as the room's records and this node's own links tell it. */
export interface Member {
  readonly store: StoreId
  readonly name: string
  readonly urls: readonly string[]
  /** Taken out of the room for good: refused, and no longer counted. */
  readonly removed: boolean
  /** Whether some log carries its record; else it is known from a link only. */
  readonly recorded: boolean
  readonly state: MemberState
}

interface Known {
  store: StoreId
  name: string
  urls: readonly string[]
  removed: boolean
  recorded: boolean
  links: number
  state: MemberState
  detector: FailureDetector | undefined
  leaving: boolean | undefined
  saidLeaving: boolean
}

/** Who belongs to the room, by store: what durable records say, who was met, and which seeds were never reached. */
export class Membership {
  readonly #known = new Map<StoreId, Known>()
  /** Removed stores that some log lists: most are not known in any other way. */
  readonly #listed = new Set<StoreId>()
  /** Names of other processes on copies of this disk that were met: each is the same member, and may take operations of its own. */
  readonly copies = new Set<string>()
  /** This node takes itself out of the room. */
  leaves = false
  /** The seeds that were given. */
  #given: ReadonlySet<string>
  /** Those of them that were never reached. */
  #seeds: Set<string>
  /** Seeds of which only this node's own record may say whose they are: behind them may be the original of a copied disk. */
  #unproven: Set<string>

  constructor(
    readonly own: StoreId,
    readonly heartbeatMs: number,
    seeds: readonly string[],
  ) {
    this.#given = new Set(seeds)
    this.#seeds = new Set(seeds)
    this.#unproven = new Set(seeds)
  }

  /** Takes in a record that a log carries. A removal is never undone. */
  record(entry: MemberEntry | RemovalsEntry): void {
    if (entry.kind === 'removals') return this.#remove(entry.ids)
    this.#found(entry.store, entry.urls)
    if (this.#listed.has(entry.store) && !this.#known.has(entry.store)) return
    const known = this.#get(entry.store)
    known.recorded = true
    known.removed ||= entry.removed
    if (entry.name !== '') known.name = entry.name
    if (entry.urls.length > 0) known.urls = entry.urls
  }

  /** A link to a peer opened. */
  met(peer: PeerIdentity, nowMs: number): void {
    if (peer.store === this.own) this.copies.add(peer.name)
    const known = this.#get(peer.store)
    if (known.name !== peer.name || known.urls.join() !== peer.urls.join()) known.recorded = false
    known.name = peer.name
    known.urls = peer.urls
    known.links++
    known.leaving = undefined
    if (known.detector) known.detector.resume(nowMs)
    else known.detector = new FailureDetector(this.heartbeatMs, nowMs)
    this.#reached(peer.urls)
  }

  /** A peer is linked to this member. What is known of it from a link or a record is better than what others say. */
  heard({ store, name, urls }: Introduction): void {
    if (store === this.own || this.#known.has(store) || this.#listed.has(store)) return
    Object.assign(this.#get(store), { name, urls })
    this.#reached(urls)
  }

  /** This URL was reached, whatever the peer calls itself: it is no unknown member any more. */
  reached(url: string): void {
    this.#reached([url])
  }

  /** Other seeds were never reached from now on; an address that a member calls its own is that member. */
  expect(seeds: readonly string[]): void {
    this.#given = new Set(seeds)
    this.#seeds = new Set(seeds)
    this.#unproven = new Set(seeds)
    for (const { store, urls } of this.#known.values()) this.#found(store, urls)
  }

  left(store: StoreId): void {
    this.#get(store).links--
  }

  heartbeat(store: StoreId, nowMs: number): void {
    this.#known.get(store)?.detector?.heartbeat(nowMs)
  }

  /** This node itself was stopped for a while: silence heard since then is its own. Who was not linked is no nearer by that. */
  resume(nowMs: number): void {
    for (const known of this.#known.values()) if (known.links > 0) known.detector?.resume(nowMs)
  }

  /** Judges everybody anew; answers whose state changed. */
  judge(nowMs: number): Member[] {
    const changed: Member[] = []
    for (const known of this.#known.values()) {
      const state = this.#judge(known, nowMs)
      if (state === known.state) continue
      known.state = state
      if (known.store !== this.own) changed.push({ ...known })
    }
    return changed
  }

  phi(store: StoreId, nowMs: number): number {
    return this.#known.get(store)?.detector?.phi(nowMs) ?? 0
  }

  /** A member said whether it takes itself out of the room. */
  told(store: StoreId, leaving: boolean): void {
    const known = this.#get(store)
    known.leaving = leaving
    known.saidLeaving = leaving
  }

  /** What it said; undefined where it did not yet on its latest link. */
  isLeaving(store: StoreId): boolean | undefined {
    return this.#known.get(store)?.leaving
  }

  /** Whether that was the last that it said, on any link: until it says something else it may be gone, and its disk with it. */
  saidLeaving(store: StoreId): boolean {
    return this.#known.get(store)?.saidLeaving === true
  }

  isRemoved(store: StoreId): boolean {
    return this.#listed.has(store) || this.#known.get(store)?.removed === true
  }

  /** How many stores some log lists as removed. */
  get listed(): number {
    return this.#listed.size
  }

  /** Whether one of these addresses is a seed of this node: a record tells who it was. */
  isSeed(urls: readonly string[]): boolean {
    return urls.some(url => this.#given.has(url))
  }

  /** Whether some log lists the store as removed: it needs no record. */
  isListed(store: StoreId): boolean {
    return this.#listed.has(store)
  }

  get(store: StoreId): Member | undefined {
    return this.#known.get(store)
  }

  /** Everybody known except this store; of removed members those that no log lists, at least. */
  *others(): IterableIterator<Member> {
    for (const known of this.#known.values()) if (known.store !== this.own) yield known
  }

  /** Whether behind some seed may be somebody whom nobody here knows. */
  get mayBeMore(): boolean {
    return this.#unproven.size > 0
  }

  /** Seeds that were never reached. */
  get unreached(): readonly string[] {
    return [...this.#seeds]
  }

  /** How many members a majority is counted over: this store, all others that were not removed, and seeds never reached. */
  get count(): number {
    let count = 1 + this.#seeds.size
    for (const member of this.others()) if (!member.removed) count++
    return count
  }

  #remove(stores: readonly StoreId[]): void {
    for (const store of stores) {
      this.#listed.add(store)
      const known = this.#known.get(store)
      if (known) known.removed = true
    }
  }

  #get(store: StoreId): Known {
    let known = this.#known.get(store)
    if (!known) {
      known = {
        store,
        name: '',
        urls: [],
        removed: false,
        recorded: false,
        links: 0,
        state: 'down',
        detector: undefined,
        leaving: undefined,
        saidLeaving: false,
      }
      this.#known.set(store, known)
    }
    return known
  }

  /** A record tells where a store is reached. */
  #found(store: StoreId, urls: readonly string[]): void {
    if (store !== this.own) this.#reached(urls)
    else for (const url of urls) this.#seeds.delete(url)
  }

  #reached(urls: readonly string[]): void {
    for (const url of urls) {
      this.#seeds.delete(url)
      this.#unproven.delete(url)
    }
  }

  #judge(known: Known, nowMs: number): MemberState {
    if (!known.detector) return 'down'
    const phi = known.detector.phi(nowMs)
    if (phi >= PHI_DOWN) return 'down'
    return phi >= PHI_SUSPECT || known.links === 0 ? 'suspect' : 'up'
  }
}
