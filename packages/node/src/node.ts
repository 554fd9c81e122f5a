import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type CounterKey, canonicalKey, counterKey, type Labels, TallymeshError } from '@tallymesh/crdt'
import { type AddOptions, checkAddOptions } from './add-options.js'
import { Counter } from './counter.js'
import { type CounterAdd, checkGroup } from './counter-group.js'
import { CounterReader, type ReaderOptions, readersOf } from './counter-reader.js'
import type { Engine } from './engine.js'
import type { NodeEvents, NodeStatus } from './events.js'
import type { GroupEntry } from './groups.js'
import type { Lifecycle } from './lifecycle.js'
import { type MemberInfo, memberInfos, removable } from './member-info.js'
import { type NodeStats, nodeStats } from './node-stats.js'
import { checkInteger } from './options.js'
import type { ExportedSlot } from './slot-export.js'

const LEAVE_TIMEOUT_MS = 30_000

/** One node of a room. Made by `openNode`. */
export class TallymeshNode {
  readonly #life: Lifecycle
  readonly #engine: Engine
  readonly #counters = new Map<CounterKey, Counter>()

  /** @internal Use `openNode`. */
  constructor(life: Lifecycle) {
    this.#life = life
    this.#engine = life.engine
  }

  /** @internal Called by `openNode`. */
  start(): Promise<void> {
    return this.#life.start()
  }

  get name(): string {
    return this.#life.settings.name
  }

  get room(): string {
    return this.#life.settings.room
  }

  get status(): NodeStatus {
    return this.#life.status
  }

  /** Where this node listens, as others would dial it from this machine; without a port of its own, the first address that it
   *  advertises. Undefined for one that only dials. */
  get url(): string | undefined {
    return this.#life.network.url
  }

  /** Takes a WebSocket upgrade of the caller's HTTP or HTTPS server: peers at /mesh, y-websocket clients at /yjs. Whatever else
   *  is asked for, or asked for while no links are taken, is answered with an HTTP error. The node owns the socket from then on,
   *  and ends it when it closes; the server stays the caller's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#life.network.handleUpgrade(request, socket, head)
  }

  /** Ends the links and the y-websocket clients whose tokens the policy does not admit any more. */
  recheckTokens(): void {
    this.#life.network.recheckTokens()
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

  /** Counts on several counters in one commit, or on none: all is checked before anything is counted. Resolves once the commit
   *  is durable, and confirmed by as many stores as `replicas` asks for.
   *  @param entries 1 to 2,000; a key may stand there more than once. With an `operation` up to 1,000 keys, of 24 KiB together
   *  @throws TallymeshError (as a rejection) INVALID_OPTION, INVALID_NAME, and as `Counter.increment` */
  add(entries: readonly CounterAdd[], options?: AddOptions): Promise<void> {
    const engine = this.#engine
    try {
      const group = checkGroup(entries, key => engine.commits.findCell(key))
      if (engine.refusal) throw engine.refusal
      if (options?.operation !== undefined) {
        checkAddOptions(options)
        return engine.operate(options.operation, group, options)
      }
      for (const count of group) count.cell ??= engine.replica.cell(count.key)
      return engine.add(group as GroupEntry[], options)
    } catch (error) {
      return engine.refuse(error)
    }
  }

  /** Where the commits end that this process acknowledged: `<replica id>:<clock>` joined by `,`; empty while it has none. A node
   *  that `reached` it shows every count that was acknowledged here so far. */
  get position(): string {
    return this.#engine.position
  }

  /** Resolves once this node has taken in everything up to `position`.
   *  @param timeoutMs 0 to 600,000
   *  @throws TallymeshError (as a rejection) INVALID_OPTION where it is none, NOT_CAUGHT_UP after `timeoutMs`, NODE_CLOSED,
   *    NOT_READY where too many wait already */
  reached(position: string, timeoutMs: number): Promise<void> {
    return this.#engine.reached(position, timeoutMs)
  }

  /** Why nothing may be counted now; undefined while it may. */
  get refusal(): TallymeshError | undefined {
    return this.#engine.refusal
  }

  /** Whether, since it opened, this node has once held all that every peer linked then said it holds. True from the start where
   *  nothing was configured to dial. */
  get caughtUp(): boolean {
    return this.#engine.caughtUp
  }

  /** Whether no peer is linked, and every address that is known failed several times in a row, which takes about half a second. */
  get alone(): boolean {
    return this.#life.network.alone
  }

  /** All counters that were ever counted in the room, in key order: `[key, value]`.
   *  @throws TallymeshError VALUE_UNSAFE at a value that no number holds exactly; read such a counter's `valueBigInt` */
  *counters(options: { readonly prefix?: string } = {}): IterableIterator<[CounterKey, number]> {
    for (const cell of this.#engine.cells(options.prefix ?? '')) yield [cell.key, this.#engine.value(cell)]
  }

  /** A counter by its key, to be read only: one that was never counted costs nothing. @throws TallymeshError INVALID_NAME */
  reader(key: string): CounterReader {
    return new CounterReader(this.#engine, canonicalKey(key))
  }

  /** All counters that were ever counted in the room, in key order, each when it is asked for. The first costs O(log keys), and
   *  O(keys) where new ones came since the order was last asked for. */
  readers(options: ReaderOptions = {}): IterableIterator<CounterReader> {
    return readersOf(this.#engine, options)
  }

  /** How many keys start with `prefix`. O(log keys), as `readers`. */
  keyCount(prefix = ''): number {
    return this.#engine.replica.table.countKeys(prefix)
  }

  /** Every slot that is durable here, as of one instant once all operations that were open are settled, in the order of keys and replica ids. What it answers can be read at
   *  any pace, and more than once: it is a copy.
   *  @throws TallymeshError (as a rejection) NOT_READY, NODE_CLOSED */
  exportSlots(): Promise<Iterable<ExportedSlot>> {
    return this.#told(this.#engine.exportSlots())
  }

  /** Merges slots by maximum, durably: those already known change nothing and write nothing, so importing again is harmless. All
   *  are checked before the first is merged.
   *  @returns how many slots rose
   *  @throws TallymeshError (as a rejection) INVALID_NAME, INVALID_AMOUNT, INVALID_OPTION: nothing was merged. NOT_READY,
   *    NODE_CLOSED, INDETERMINATE: a part may have been; import the whole again */
  importSlots(slots: Iterable<ExportedSlot>): Promise<number> {
    return this.#told(this.#engine.importSlots(slots))
  }

  /** The room as this node sees it, this node first. */
  members(): MemberInfo[] {
    return memberInfos(this.name, this.#life.store.id, this.#life.network.urls[0], this.#engine.replica)
  }

  /** Takes a member that is gone for good out of the room: its counts stay, its data directory is refused from now on, and
   *  majorities are counted without it. Of several with one name, such as a node and its wiped directory, those that are not up
   *  go. Resolves once that is durable here.
   *  @param member its name, or its store id as `members()` tells it
   *  @throws TallymeshError MEMBER_UNKNOWN, MEMBER_UP while it is linked, NOT_READY, NODE_CLOSED */
  removeMember(member: string): Promise<void> {
    return this.#told(this.#remove(member))
  }

  get stats(): NodeStats {
    return nodeStats(this.#engine, this.#life.store, this.#life.network)
  }

  on<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): this {
    this.#life.emitter.on(event, listener)
    return this
  }

  off<Event extends keyof NodeEvents>(event: Event, listener: (...args: NodeEvents[Event]) => void): this {
    this.#life.emitter.off(event, listener)
    return this
  }

  /** Commits what was counted, gives linked peers up to `closeTimeoutMs` to confirm it, and releases port and directory.
   *  Counting is refused from the first moment on. Calling it again waits for the same close. */
  close(): Promise<void> {
    return this.#life.close()
  }

  /** Takes this node out of the room for good, for instance where it was started for a while: counting is refused from the first moment on,
   *  every other member takes what this node holds onto its disk, they learn that it is out, and the node closes. What it counted stays.
   *  Calling it again waits for the same; `close` ends it.
   *  @param timeoutMs 1 to 600,000; default 30,000
   *  @throws TallymeshError (as a rejection) LEAVE_REFUSED where no other member is known, NOT_READY, NODE_CLOSED, INVALID_OPTION: then the
   *    node goes on as it was. LEAVE_TIMEOUT where a member is away or slow, LEAVE_REFUSED where all leave at once, NODE_CLOSED where it
   *    was closed meanwhile: then it is closed, still a member, and can be started again */
  leave({ timeoutMs = LEAVE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    try {
      checkInteger('timeoutMs', timeoutMs, 1, 600_000)
      if (this.leaveRefusal) throw this.leaveRefusal
    } catch (error) {
      return this.#engine.refuse(error)
    }
    return this.#told(this.#life.leave(timeoutMs))
  }

  /** Why `leave` would be refused now; undefined where it would not. */
  get leaveRefusal(): TallymeshError | undefined {
    return this.#life.leaveRefusal
  }

  async #remove(member: string): Promise<void> {
    await this.#engine.remove(removable(this.members(), member))
  }

  /** A promise that nobody awaits never ends the process: its failure is an `error` event, too. */
  #told<Result>(promise: Promise<Result>): Promise<Result> {
    promise.catch(reason => {
      if (reason instanceof TallymeshError) this.#life.report(reason)
    })
    return promise
  }

  #counter(key: CounterKey): Counter {
    let counter = this.#counters.get(key)
    if (!counter) this.#counters.set(key, (counter = new Counter(this.#engine, this.#engine.replica.cell(key))))
    return counter
  }
}
