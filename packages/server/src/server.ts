import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import { type NodeOptions, openNode, type TallymeshNode } from 'tallymesh'
import type { GuardedRoute } from './http/access.js'
import { makeApp } from './http/app.js'
import { createHttpServer } from './http/http-server.js'
import { InFlight } from './http/in-flight.js'
import { type NotReady, Readiness } from './http/readiness.js'
import { takeUpgrades } from './http/upgrades.js'
import { Watchers } from './http/watchers.js'
import { ServerMetrics } from './metrics/server-metrics.js'
import { checkLimits, checkListen, type Limits, type ServerOptions } from './options.js'
import { Certificates } from './security/certificates.js'

/** A balancer that makes no health checks, such as NGINX, learns from answers only: an add that met the closing port would be
 *  left in doubt, one that is refused before is given to another node. Shorter than the second for which NGINX then asks nothing
 *  here; so the port closes unasked. */
const REFUSE_MS_MAX = 500

/** Starts a node and its HTTP API on one port. Health is answered from the first moment on; resolves when the node is open.
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME, INVALID_URL, TLS_UNUSABLE, LISTEN_FAILED, and those of `openNode`.
 *    Nothing stays open then */
export async function startServer(options: ServerOptions): Promise<TallymeshServer> {
  checkListen(options)
  const limits = checkLimits(options)
  const certificates = options.tls === undefined ? undefined : await Certificates.load(options.tls)
  const server = await TallymeshServer.make(options, limits, certificates)
  try {
    await server.start()
    return server
  } catch (error) {
    await server.close().catch(() => {})
    throw error
  }
}

/** A node with its HTTP API. Made by `startServer`. */
export class TallymeshServer {
  readonly #options: ServerOptions
  readonly #limits: Limits
  readonly #certificates: Certificates | undefined
  readonly #log: Logger
  readonly #readiness: Readiness
  readonly #watchers: Watchers
  readonly #metrics: ServerMetrics
  readonly #inFlight = new InFlight()
  #app!: FastifyInstance
  #routes: readonly GuardedRoute[] = []
  #node: TallymeshNode | undefined
  #port = 0
  #draining: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  /** Ends the wait of `drain`. */
  #drained = () => {}

  private constructor(options: ServerOptions, limits: Limits, certificates: Certificates | undefined) {
    this.#options = options
    this.#limits = limits
    this.#certificates = certificates
    this.#log = options.logger ?? pino({ level: 'silent' })
    this.#readiness = new Readiness(limits)
    this.#watchers = new Watchers(limits.watchersMax)
    this.#metrics = new ServerMetrics({
      dataDir: options.dataDir,
      countersMax: limits.metricsCountersMax,
      node: () => this.#node,
      ready: () => this.#readiness.verdict(performance.now()) === undefined,
      watchers: () => this.#watchers.size,
    })
  }

  /** @internal Use `startServer`. */
  static async make(options: ServerOptions, limits: Limits, certificates?: Certificates): Promise<TallymeshServer> {
    const server = new TallymeshServer(options, limits, certificates)
    await server.#makeApp()
    return server
  }

  /** @internal Called by `startServer`. */
  async start(): Promise<void> {
    const { onListening, onNode } = this.#options
    await this.#listen()
    this.#warn()
    onListening?.(this.url)
    try {
      this.#node = await openNode(this.#nodeOptions())
    } catch (error) {
      this.#readiness.end()
      throw error
    }
    onNode?.(this.#node)
    this.#node.on('error', error => this.#metrics.failed(error.code))
    this.#node.on('commit', commit => this.#metrics.committed(commit))
    this.#readiness.opened(this.#node, performance.now())
  }

  /** Where the API answers, `http://host:port` or `https://host:port`. */
  get url(): string {
    return `${this.#certificates ? 'https' : 'http'}://${this.#authority}`
  }

  get node(): TallymeshNode {
    if (this.#node) return this.#node
    throw new TallymeshError('NOT_READY', 'the node is not open yet')
  }

  /** Every route of the HTTP API, with the scope that it asks for. */
  get routes(): readonly GuardedRoute[] {
    return this.#routes
  }

  /** Why `/readyz` answers 503; undefined while this node asks for traffic. */
  get notReady(): NotReady | undefined {
    return this.#readiness.verdict(performance.now())
  }

  /** Asks for no more traffic: `/readyz` answers 503 from now on, watchers are ended, answers close their connections. Requests
   *  are served on for `drainMs`, while balancers notice; then adds are refused for half a second. Resolves after that. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  async #drain(): Promise<void> {
    this.#readiness.drain()
    this.#watchers.end()
    const { drainMs } = this.#limits
    await this.#wait(drainMs)
    if (this.#closing) return
    this.#readiness.refuse()
    await this.#wait(Math.min(REFUSE_MS_MAX, drainMs))
  }

  /** Ends early once `close` is called. */
  #wait(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.#drained = resolve
      setTimeout(resolve, ms).unref()
    })
  }

  /** Drains, takes the node out of the room for good within `leaveTimeoutMs`, and begins to close. Resolves once the node has left.
   *  Calling it again waits for the same.
   *  @throws TallymeshError as `TallymeshNode.leave`. Where that is refused before the drain the server goes on; else it closes */
  async leave(): Promise<void> {
    if (!this.#leaving) {
      const refusal = this.node.leaveRefusal
      if (refusal) throw refusal
      this.#leaving = this.#leave()
      this.#options.onLeaving?.(this.#leaving)
    }
    await this.#leaving
  }

  async #leave(): Promise<void> {
    try {
      await this.drain()
      await this.node.leave({ timeoutMs: this.#limits.leaveTimeoutMs })
    } finally {
      // Not awaited: it waits for the request that may have asked for this.
      this.close().catch(() => {})
    }
  }

  /** Takes no more connections, lets requests in flight end, commits, gives peers time to confirm, and releases port and
   *  directory. Calling it again waits for the same close. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#readiness.drain()
    this.#watchers.end()
    this.#drained()
    const { server } = this.#app
    const unlistened = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeIdleConnections()
    const cut = await this.#inFlight.settled(this.#limits.shutdownTimeoutMs)
    if (cut > 0)
      this.#log.warn({ event: 'warning', requests: cut }, 'requests in flight did not end in time and are cut')
    try {
      await this.#node?.close()
    } finally {
      server.closeAllConnections()
      await this.#app.close()
      await unlistened
    }
  }

  /** Reads tokens and certificates again. What cannot be used is reported and leaves the old ones in place; links and watchers
   *  whose tokens are not valid any more are ended.
   *  @throws TallymeshError TOKENS_UNUSABLE, TLS_UNUSABLE; everything else is in use then */
  async reload(): Promise<void> {
    const { tokens } = this.#options
    const outcomes = await Promise.allSettled([tokens?.reload(), this.#certificates?.reload(this.#app.server)])
    this.#node?.recheckTokens()
    this.#watchers.recheck()
    this.#warn()
    const failures = outcomes
      .filter(outcome => outcome.status === 'rejected')
      .map(({ reason }) => reason as TallymeshError)
    for (const { code } of failures) this.#metrics.failed(code)
    for (const { code, message } of failures.slice(1)) this.#log.error({ event: 'error', code }, message)
    if (failures[0]) throw failures[0]
  }

  #warn(): void {
    for (const warning of this.#certificates?.warnings ?? []) this.#log.warn({ event: 'warning' }, warning)
  }

  async #makeApp(): Promise<void> {
    const { name, origins = [], tokens } = this.#options
    const refused = (code: string) => this.#metrics.http.refused(code)
    const makeServer = (handler: Parameters<InFlight['counting']>[0]): Server =>
      createHttpServer({
        ...this.#limits,
        name,
        refused,
        tls: this.#certificates?.material,
        handler: this.#inFlight.counting(handler),
      })
    const { app, routes } = await makeApp(
      {
        ...{ name, limits: this.#limits, origins, tokens, log: this.#log },
        ...{ metrics: this.#metrics, readiness: this.#readiness, watchers: this.#watchers },
        node: () => this.#node,
        leave: () => this.leave(),
      },
      makeServer,
    )
    this.#app = app
    this.#routes = routes
    const mutualTls = this.#certificates?.material.ca !== undefined
    takeUpgrades(this.#app.server, { name, tokens, mutualTls, refused, node: () => this.#node })
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options.listen
    const { server } = this.#app
    const failed = (cause: NodeJS.ErrnoException) => {
      const text = cause.code === 'EADDRINUSE' ? 'another program listens there; choose another port' : cause.message
      return new TallymeshError('LISTEN_FAILED', `cannot listen on ${host}:${port}: ${text}`, { cause })
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', cause => reject(failed(cause)))
      server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), resolve)
    })
    // A process without free file descriptors fails to accept, and goes on.
    server
      .removeAllListeners('error')
      .on('error', cause => this.#log.error({ event: 'error', code: 'LISTEN_FAILED' }, failed(cause).message))
    this.#port = (server.address() as AddressInfo).port
  }

  get #authority(): string {
    const { host } = this.#options.listen
    return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${this.#port}`
  }

  /** What peers dial; a wildcard names no machine. */
  get #advertise(): readonly string[] {
    const { advertise, listen } = this.#options
    if (advertise !== undefined) return advertise
    if (/^(?:0\.0\.0\.0|\[?::\]?)$/.test(listen.host)) {
      const text = `peers cannot be told where to dial ${listen.host}: advertise an address of this machine`
      this.#log.warn({ event: 'warning' }, text)
      return []
    }
    return [`${this.#certificates ? 'wss' : 'ws'}://${this.#authority}`]
  }

  #nodeOptions(): NodeOptions {
    const { name, dataDir, room, peers, origins = [], runtimeDir, repair, batchVersion } = this.#options
    const { heartbeatMs, antiEntropyMs, replicasTimeoutMs, closeTimeoutMs } = this.#options
    const { retryWindowMs, operationsMax, foldAfterMs, foldGraceMs } = this.#options
    const { tokens, dialToken } = this.#options
    const times = { heartbeatMs, antiEntropyMs, replicasTimeoutMs, closeTimeoutMs }
    const counting = { retryWindowMs, operationsMax, foldAfterMs, foldGraceMs }
    const given = { room, peers, runtimeDir, repair, batchVersion, ...times, ...counting }
    return {
      ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<NodeOptions>),
      ...{ name, dataDir, listen: { advertise: this.#advertise, origins } },
      token: {
        own: () => dialToken ?? tokens?.own,
        admits: (token, scope) => tokens?.admits(token, scope) ?? true,
      },
      ...(this.#certificates ? { tls: () => this.#certificates?.material ?? {} } : {}),
    }
  }
}
