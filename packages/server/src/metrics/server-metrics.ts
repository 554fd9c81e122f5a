import { ERROR_CODES } from '@tallymesh/crdt'
import type { Metric, Registry } from 'prom-client'
import type { MemberInfo, NodeStats } from 'tallymesh'
import { VERSION } from '../version.js'
import { DirectoryBytes } from './directory-bytes.js'
import { ENTRIES, Histogram, type Sample, SECONDS } from './histogram.js'
import { HttpMetrics } from './http-metrics.js'
import { type CounterFigures, RoomCounters } from './room-counters.js'

/** What the metrics ask of a node. */
export interface MeasuredNode {
  readonly name: string
  readonly room: string
  readonly stats: NodeStats
  members(): MemberInfo[]
}

/** A commit as the node tells of it. */
export interface CommitTimes {
  readonly entries: number
  readonly writeMs: number
  readonly totalMs: number
}

export interface ServerMetricsOptions {
  readonly dataDir: string
  readonly countersMax: number
  readonly node: () => MeasuredNode | undefined
  readonly ready: () => boolean
  readonly watchers: () => number
}

type Kind = 'counter' | 'gauge' | 'histogram'

/** What one process has of one thing is measured once, however many servers run in it. */
let processRegistry: Registry | undefined

/** The figures of one server, as Prometheus reads them. */
export class ServerMetrics {
  readonly http = new HttpMetrics()
  readonly #metrics: Metric[] = []
  #registry: Registry | undefined
  readonly #room: RoomCounters
  /** Each code from the start: a series that appears with its first count has no increase that an alert could see. */
  readonly #errors = new Map<string, number>(Object.keys(ERROR_CODES).map(code => [code, 0]))
  readonly #commitSeconds = new Histogram(SECONDS)
  readonly #writeSeconds = new Histogram(SECONDS)
  readonly #commitEntries = new Histogram(ENTRIES)

  constructor(readonly options: ServerMetricsOptions) {
    this.#room = new RoomCounters(options.countersMax)
    this.#registerServer()
    this.#registerNode()
    this.#registerMembers()
  }

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'

  /** A commit of this node became durable. */
  committed({ entries, writeMs, totalMs }: CommitTimes): void {
    this.#commitSeconds.observe(totalMs / 1_000)
    this.#writeSeconds.observe(writeMs / 1_000)
    this.#commitEntries.observe(entries)
  }

  /** The node reported an error: a repair, damage, a refused frame or peer, a failed write. */
  failed(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
  }

  /** Everything, in Prometheus' text format.
   *  @param counters the counters to show, in key order
   *  @param size how many there are to show, asked after they were read */
  async text(counters: Iterable<CounterFigures>, size: () => number): Promise<string> {
    // Loaded when the first asks: a server that nobody scrapes starts without it.
    const { default: prometheus } = await import('prom-client')
    this.#registry ??= this.#register(new prometheus.Registry())
    if (!processRegistry) prometheus.collectDefaultMetrics({ register: (processRegistry = new prometheus.Registry()) })
    const texts = await Promise.all([
      this.#registry.metrics(),
      processRegistry.metrics(),
      this.#room.text(counters, size),
    ])
    return texts.join('\n')
  }

  #register(registry: Registry): Registry {
    for (const metric of this.#metrics) registry.registerMetric(metric)
    return registry
  }

  #registerServer(): void {
    const { http, options } = this
    const { node, ready, watchers, dataDir } = options
    const directory = new DirectoryBytes(dataDir)
    this.#add('info', 'gauge', 'What runs here; always 1.', () => {
      const { name = '', room = '' } = node() ?? {}
      return [{ labels: { node: name, room, version: VERSION }, value: 1 }]
    })
    this.#figure('ready', 'gauge', 'Whether this node asks for traffic: 1 or 0.', () => Number(ready()))
    this.#figure('watchers', 'gauge', 'Clients that watch a counter now.', watchers)
    this.#figure('store_bytes', 'gauge', 'Size of the data directory; looked at every 10 s at most.', () =>
      directory.read(performance.now()),
    )
    this.#add('http_requests_total', 'counter', 'Requests that were answered.', () => http.requests())
    this.#add('http_request_seconds', 'histogram', 'From the head of a request to the head of its answer.', name =>
      http.seconds(name),
    )
    this.#add('http_refused_total', 'counter', 'Requests that were answered with a problem, by its code.', () =>
      http.refusals(),
    )
    this.#add('errors_total', 'counter', 'Errors that the node reported, by code: repairs, damage, refusals.', () =>
      [...this.#errors].map(([code, value]) => ({ labels: { code }, value })),
    )
    this.#add('commit_seconds', 'histogram', 'From forming a commit to its acknowledgement.', name =>
      this.#commitSeconds.samples(name),
    )
    this.#add('store_write_seconds', 'histogram', 'The durable write of a commit, its fsync included.', name =>
      this.#writeSeconds.samples(name),
    )
    this.#add(
      'commit_entries',
      'histogram',
      'Entries of a commit: counters that changed, and those moved along.',
      name => this.#commitEntries.samples(name),
    )
  }

  #registerNode(): void {
    const { node } = this.options
    const figure = (name: string, kind: Kind, help: string, read: (stats: NodeStats) => number) =>
      this.#add(name, kind, help, () => {
        const stats = node()?.stats
        return stats ? [{ labels: {}, value: read(stats) }] : []
      })
    figure('commits_total', 'counter', 'Commits of this data directory.', stats => stats.commits)
    figure('pending', 'gauge', 'Counters with counts that are not in a batch yet.', stats => stats.pending)
    figure('keys', 'gauge', 'Counters of the room that this node knows.', stats => stats.keys)
    figure('slots', 'gauge', 'Slots: a counter has one for each replica id that counted it.', stats => stats.slots)
    figure('logs', 'gauge', 'Logs: one for each replica id that ever counted.', stats => stats.logs)
    figure(
      'structs',
      'gauge',
      'Yjs structs over all logs, what memory and start time depend on.',
      stats => stats.structs,
    )
    figure('forks', 'gauge', 'Logs of which two histories exist.', stats => stats.forks)
    figure('links', 'gauge', 'Links to other nodes now.', stats => stats.links)
    figure('behind', 'gauge', 'Batches that linked peers hold and this node lacks.', stats => stats.behind)
    this.#add('operations', 'gauge', 'Operations that this node remembers: open ones, and settled ones.', () => {
      const figures = node()?.stats.operations
      if (!figures) return []
      const settled = figures.known - figures.open
      return [
        { labels: { state: 'open' }, value: figures.open },
        { labels: { state: 'settled' }, value: settled },
      ]
    })
    figure(
      'operations_oldest_seconds',
      'gauge',
      'For how long the oldest operation that is not settled was seen by this process; 0 where all are.',
      ({ operations }) => operations.oldestMs / 1_000,
    )
    figure('operations_max', 'gauge', 'Operations that are remembered at most.', ({ operations }) => operations.max)
    figure(
      'operations_wait_for',
      'gauge',
      'Members that are away while operations wait for them.',
      ({ operations }) => operations.waitsFor.length,
    )
    this.#add(
      'retired_ids',
      'gauge',
      'Replica ids under which nobody counts any more, by the state of their fold.',
      () => Object.entries(node()?.stats.folding.states ?? {}).map(([state, value]) => ({ labels: { state }, value })),
    )
    figure('folded_ids', 'gauge', 'Replica ids that were folded whole.', ({ folding }) => folding.folded)
    figure(
      'folding_wait_for',
      'gauge',
      'Members that are away while folding waits for them.',
      ({ folding }) => folding.waitsFor.length,
    )
    figure(
      'fenced_updates_refused_total',
      'counter',
      'Updates of replica ids folded whole that were refused.',
      ({ folding }) => folding.refused,
    )
    figure(
      'folds_missed_total',
      'counter',
      'Replica ids folded whole while this node was away, and counted until then.',
      ({ folding }) => folding.missed,
    )
    figure('replica_id_changes_total', 'counter', 'Fresh replica ids that this process took.', s => s.replicaChanges)
    const frames = (read: (frame: NodeStats['frames'][number]) => number) => () =>
      (node()?.stats.frames ?? []).map(frame => ({
        labels: { direction: frame.direction, kind: frame.kind },
        value: read(frame),
      }))
    this.#add(
      'frames_total',
      'counter',
      'Frames of links to other nodes.',
      frames(frame => frame.frames),
    )
    this.#add(
      'frame_bytes_total',
      'counter',
      'Bytes of those frames.',
      frames(frame => frame.bytes),
    )
  }

  #registerMembers(): void {
    const { node } = this.options
    const member = (name: string, help: string, read: (member: MemberInfo) => number) =>
      this.#add(`member_${name}`, 'gauge', help, () =>
        (node()?.members() ?? [])
          .filter(({ self }) => !self)
          // Two members may have one name, such as a node and its wiped directory.
          .map(info => ({ labels: { member: info.name, store: info.store }, value: read(info) })),
      )
    member('up', 'Whether a member is linked and answers: 1 or 0.', ({ state }) => Number(state === 'up'))
    member('lag', 'Batches of this node that a member has not confirmed.', ({ lag }) => lag)
    member('phi', 'Suspicion of the failure detector (phi accrual).', ({ phi }) => phi)
  }

  #figure(name: string, kind: Kind, help: string, read: () => number | Promise<number>): void {
    this.#add(name, kind, help, async () => [{ labels: {}, value: await read() }])
  }

  #add(suffix: string, type: Kind, help: string, read: (name: string) => Sample[] | Promise<Sample[]>): void {
    const name = `tallymesh_${suffix}`
    const metric = {
      name,
      help,
      type,
      aggregator: 'sum',
      get: async () => ({ name, help, type, values: await read(name) }),
    }
    // The registry asks nothing more of a metric than its name and what `get` answers.
    this.#metrics.push(metric as unknown as Metric)
  }
}
