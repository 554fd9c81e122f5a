import { TallymeshError } from '@tallymesh/crdt'
import type { Store, WitnessPort } from '@tallymesh/store'
import { drain } from './draining.js'
import { Elapsed } from './elapsed.js'
import { Engine } from './engine.js'
import { NodeEmitter, type NodeStatus } from './events.js'
import { type Host, processHost } from './host.js'
import { leaveRefusal, leaveRoom } from './leaving.js'
import { Network } from './network.js'
import type { Settings } from './options.js'
import { startReports } from './start-reports.js'

/** Each wakes the process, and is a good part of what an idle node costs. */
const TICKS_PER_HEARTBEAT = 2

/** What a node is made of, wired together, from its opening to its close: the engine counts, the network links, the store and
 *  the witness keep. */
export class Lifecycle {
  readonly engine: Engine
  readonly network: Network
  readonly emitter = new NodeEmitter()
  readonly #instance: string
  /** What the engine reported already, where a link or a call ends for the same reason. */
  readonly #told = new WeakSet<TallymeshError>()
  #stopTicking: (() => void) | undefined
  /** How long this node runs. */
  readonly #running: Elapsed
  #status: NodeStatus = 'opening'
  #closing: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  /** A peer said that the own store is out of the room. */
  #toldRemoved = false

  constructor(
    readonly settings: Settings,
    readonly store: Store,
    readonly witness: WitnessPort,
    readonly host: Host = processHost,
  ) {
    this.#instance = freshInstance(host)
    this.#running = new Elapsed(host)
    this.network = new Network({
      settings,
      store: store.id,
      instance: this.#instance,
      host,
      engine: () => this.engine,
      linkable: () => this.#status === 'ready' || this.#status === 'draining',
      report: error => this.report(error),
      removed: () => {
        this.#toldRemoved = true
        this.#removed()
      },
    })
    this.engine = this.#makeEngine()
  }

  get status(): NodeStatus {
    return this.#status
  }

  /** Loads, listens, and counts from then on. @throws TallymeshError STORE_CORRUPT, LISTEN_FAILED, MEMBER_REMOVED; close it then */
  async start(): Promise<void> {
    await this.engine.build()
    if (this.engine.replica.members.isRemoved(this.store.id)) throw this.#outside
    for (const report of startReports(this.settings, this.store, this.witness)) this.emitter.emit('error', report)
    await this.network.listen()
    this.engine.ready()
    this.#setStatus('ready')
    this.#stopTicking = this.host.every(this.settings.heartbeatMs / TICKS_PER_HEARTBEAT, () => this.#tick())
    this.#tick()
  }

  /** Tells of a failure, unless the engine did. */
  report(error: TallymeshError): void {
    if (!this.#told.has(error)) this.emitter.emit('error', error)
  }

  /** Why this node cannot leave now; undefined where it can. */
  get leaveRefusal(): TallymeshError | undefined {
    return this.#leaving ? undefined : (this.engine.refusal ?? leaveRefusal(this.engine))
  }

  /** Takes this node out of the room for good, and closes it: see `TallymeshNode.leave`. */
  leave(timeoutMs: number): Promise<void> {
    this.#leaving ??= this.#leave(timeoutMs)
    return this.#leaving
  }

  async #leave(timeoutMs: number): Promise<void> {
    this.engine.retire(new TallymeshError('NODE_CLOSED', 'the node leaves the room; nothing was counted'))
    this.#setStatus('draining')
    const { engine, host, network } = this
    const closing = () => this.#closing !== undefined
    const known = () => this.#toldRemoved && network.links === 0
    try {
      await leaveRoom({ engine, host, closing, known }, timeoutMs)
    } finally {
      await this.close()
    }
  }

  /** Ends everything, once: calling it again waits for the same close. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const opened = this.#status !== 'failed'
    this.engine.retire(new TallymeshError('NODE_CLOSED', 'the node is closed; nothing was counted'))
    this.#setStatus('draining')
    // Without a ticker the node was never ready: nothing was counted.
    if (opened && this.#stopTicking) await drain(this.engine, this.settings.closeTimeoutMs, this.host)
    this.#stopTicking?.()
    this.engine.close()
    await this.network.close()
    try {
      await this.store.close()
    } finally {
      await this.witness.close()
      this.#setStatus('closed')
    }
  }

  #makeEngine(): Engine {
    const { name, repair, heartbeatMs, antiEntropyMs, replicasTimeoutMs, batchVersion } = this.settings
    const { updateBytesMax, commitEntriesMax, removedKeptMax } = this.settings
    const { operationsMax, retryWindowMs, foldAfterMs, foldGraceMs } = this.settings
    const { id: store } = this.store
    const { seeds, urls } = this.network
    return new Engine({
      replica: {
        ...{
          name,
          store,
          heartbeatMs,
          antiEntropyMs,
          batchVersion,
          operationsMax,
          retryWindowMs,
          foldAfterMs,
          foldGraceMs,
          ...(updateBytesMax !== undefined && { updateBytesMax }),
          ...(commitEntriesMax !== undefined && { commitEntriesMax }),
          ...(removedKeptMax !== undefined && { removedKeptMax }),
          instance: this.#instance,
          urls,
          random: this.host.random,
        },
        // Asked whenever a replica is built: it counts as members whom nobody has reached until then.
        get seeds() {
          return seeds.unreached
        },
      },
      store: this.store,
      witness: this.witness,
      host: this.host,
      dials: this.settings.peers.length > 0,
      repair,
      replicasTimeoutMs,
      events: {
        wantsCommits: () => this.emitter.wants('commit'),
        committed: commit => this.emitter.emit('commit', commit),
        member: peer => this.emitter.emit('peer', peer),
        report: error => {
          this.#told.add(error)
          this.emitter.emit('error', error)
        },
        progressed: () => this.network.progressed(),
        recovering: cause => this.#recovering(cause),
        recovered: () => this.#recovered(),
        fatal: error => this.#fatal(error),
      },
    })
  }

  #tick(): void {
    this.engine.loop.step({ type: 'tick', nowMs: this.host.nowMs(), wallMs: this.host.wallMs() })
    this.network.tick(this.#running.ms)
    if (this.engine.replica.members.isRemoved(this.store.id)) this.#removed()
  }

  /** What is counted from now on would never reach the room. */
  #removed(): void {
    if (this.#status !== 'ready' || this.#closing) return
    this.engine.fail(this.#outside)
  }

  get #outside(): TallymeshError {
    const text = `this node's store ${this.store.id} was removed from the room for good, or left it; its counts stay there`
    return new TallymeshError('MEMBER_REMOVED', `${text}. Start the node with an empty data directory`)
  }

  #recovering(cause: TallymeshError): void {
    this.network.pause(new TallymeshError('NOT_READY', 'this node reopens its store', { cause }))
    this.#setStatus('opening')
    this.emitter.emit('error', cause)
  }

  #recovered(): void {
    this.network.resume()
    this.#setStatus('ready')
  }

  #fatal(error: TallymeshError): void {
    this.network.pause(new TallymeshError('NOT_READY', 'this node failed', { cause: error }))
    this.#setStatus('failed')
    this.emitter.emit('error', error)
  }

  #setStatus(status: NodeStatus): void {
    // What happens to a node that closes does not bring it back.
    if (this.#status === status || ((this.#closing || this.#leaving) && status !== 'draining' && status !== 'closed'))
      return
    this.#status = status
    this.emitter.emit('status', status)
  }
}

/** Random for each process: 32 hexadecimal digits. */
function freshInstance({ random }: Host): string {
  const word = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return word() + word() + word() + word()
}
