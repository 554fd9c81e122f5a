import { join } from 'node:path'
import { findBalancer } from './balancer-files.js'
import { type ClusterOptions, type ClusterPlan, planCluster, STOP_GRACE_MS } from './cluster-options.js'
import { eventJson, eventLine, startScreen } from './cluster-screen.js'
import { checkPorts } from './free-ports.js'
import { Guard } from './guard.js'
import { SupervisedBalancer } from './supervised-balancer.js'
import { Supervisor } from './supervisor.js'
import type { SupervisorEvent, SupervisorNews } from './supervisor-event.js'

/** After so long, an operator is told what is waited for. */
const PATIENCE_MS = 10_000
const READY_AGAIN_DEADLINE_MS = 60_000

/** Runs a room on this machine until `signal` aborts, SIGINT or SIGTERM arrives, or `seconds` are over; a second signal ends
 *  everything at once. SIGHUP restarts one node after another.
 *  @returns the exit code: 0; 1 where a node or the balancer was given up, or all had to be ended at once
 *  @throws TallymeshError INVALID_OPTION, STORE_UNUSABLE, LISTEN_FAILED, before anything is started */
export async function runCluster(options: ClusterOptions, signal?: AbortSignal): Promise<number> {
  const plan = planCluster(options)
  if (options.lb !== undefined) findBalancer(options.lb)
  await checkPorts(plan.host, plan.ports)
  const cluster = new Cluster(options, plan)
  return await cluster.run(signal)
}

class Cluster {
  readonly #guard: Guard
  readonly #supervisor: Supervisor
  readonly #balancer: SupervisedBalancer | undefined
  readonly #ending = new AbortController()
  readonly #graceMs: number
  #signals = 0
  #hurried = false

  constructor(
    readonly options: ClusterOptions,
    readonly plan: ClusterPlan,
  ) {
    const { host, port, data, specs } = plan
    this.#graceMs = options.stopGraceMs ?? STOP_GRACE_MS
    this.#guard = new Guard(this.#graceMs)
    const { restartsMax, restartWindowMs } = options
    this.#supervisor = new Supervisor({
      nodes: specs,
      logDir: data,
      guard: this.#guard,
      token: options.token ?? process.env.TALLYMESH_TOKEN,
      limits: {
        ...(restartsMax === undefined ? {} : { restartsMax }),
        ...(restartWindowMs === undefined ? {} : { restartWindowMs }),
        ...options.limits,
      },
    })
    this.#supervisor.on('event', event => this.#show(event))
    const { lb: kind } = options
    if (kind === undefined) return
    const files = { directory: join(data, kind), logFile: join(data, `${kind}.log`) }
    const report = (news: SupervisorNews) => this.#report(kind, news)
    this.#balancer = new SupervisedBalancer({ kind, host, port, servers: specs, ...files, guard: this.#guard, report })
  }

  async run(signal?: AbortSignal): Promise<number> {
    const unlisten = this.#listen(signal)
    try {
      await this.#start()
      await this.#ended()
    } catch (error) {
      // Ended while it started: nothing else throws.
      if (!this.#ending.signal.aborted) throw error
    } finally {
      await this.#stop()
      unlisten()
    }
    const givenUp = this.#supervisor.givenUp.length > 0 || this.#balancer?.givenUp === true
    return givenUp || this.#hurried ? 1 : 0
  }

  async #start(): Promise<void> {
    const { signal } = this.#ending
    const { lb } = this.options
    this.#supervisor.start()
    await this.#settled(signal)
    if (this.#balancer && !this.#allGivenUp) {
      this.#balancer.start()
      await this.#passing(this.#balancer, signal)
    }
    // Why is said already, and nothing is left to try.
    if (this.#allGivenUp) return
    const { data, host, port } = this.plan
    if (this.options.json) return this.#report('cluster', { type: 'up', urls: this.#urls })
    for (const line of startScreen({ nodes: this.#supervisor.nodes, data, host, port, lb })) this.#print(line)
  }

  get #urls(): Record<string, string> {
    const { specs, host, port } = this.plan
    const { lb } = this.options
    const places = [...specs, ...(lb === undefined ? [] : [{ name: lb, port }])]
    return Object.fromEntries(places.map(({ name, port }) => [name, `http://${host}:${port}`]))
  }

  /** Waits until each node is ready or given up, for a bounded time: a large directory takes as long as it takes to open. */
  async #settled(signal: AbortSignal): Promise<void> {
    try {
      await this.#supervisor.settled(PATIENCE_MS, signal)
    } catch (error) {
      if (signal.aborted) throw error
      const missing = this.#supervisor.nodes
        .filter(({ phase }) => phase !== 'ready' && phase !== 'given up')
        .map(({ name }) => name)
      this.#report('cluster', { type: 'note', text: `goes on while ${missing.join(', ')} is not ready yet` })
    }
  }

  async #passing(balancer: SupervisedBalancer, signal: AbortSignal): Promise<void> {
    try {
      await balancer.passing(PATIENCE_MS, signal)
    } catch (error) {
      if (signal.aborted) throw error
      this.#report('cluster', { type: 'trouble', text: `goes on, but requests reach no node yet: ${messageOf(error)}` })
    }
  }

  get #allGivenUp(): boolean {
    return this.#supervisor.givenUp.length === this.#supervisor.nodes.length
  }

  /** Resolves when it is time to end. */
  async #ended(): Promise<void> {
    const { signal } = this.#ending
    if (signal.aborted || this.#allGivenUp) return
    await new Promise<void>(resolve => {
      const { seconds } = this.options
      const timer = seconds === undefined ? undefined : setTimeout(resolve, seconds * 1_000)
      const check = () => this.#allGivenUp && resolve()
      this.#supervisor.on('event', check)
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#finish = () => clearTimeout(timer)
    })
    this.#finish()
  }

  #finish = (): void => {}

  async #stop(): Promise<void> {
    this.#ending.abort()
    // The balancer goes on while the nodes drain: what is in flight through it ends well.
    await this.#supervisor.stop(this.#hurried ? 0 : this.#graceMs)
    await this.#balancer?.stop()
    await this.#guard.leave()
  }

  /** Signals of this process, for as long as it runs. @returns what takes them off */
  #listen(signal: AbortSignal | undefined): () => void {
    const end = () => this.#ending.abort()
    const interrupt = () => {
      if (++this.#signals === 1) return end()
      this.#hurried = true
      void this.#supervisor.stop(0)
    }
    const hangUp = () => void this.#rollingRestart()
    // Who reads the output has gone, with the terminal for example: nobody is left to end this in another way.
    const unread = () => end()
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end, { once: true })
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', hangUp)
    process.stdout.on('error', unread)
    return () => {
      signal?.removeEventListener('abort', end)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('SIGHUP', hangUp)
      process.stdout.off('error', unread)
    }
  }

  async #rollingRestart(): Promise<void> {
    const { signal } = this.#ending
    if (signal.aborted) return
    this.#report('cluster', { type: 'note', text: 'restarts one node after another' })
    try {
      await this.#supervisor.rollingRestart(this.#graceMs, READY_AGAIN_DEADLINE_MS, signal)
      this.#report('cluster', { type: 'note', text: 'has restarted all nodes' })
    } catch (error) {
      if (!signal.aborted) this.#report('cluster', { type: 'trouble', text: `stops restarting: ${messageOf(error)}` })
    }
  }

  #report(node: string, news: SupervisorNews): void {
    this.#show({ ...news, atMs: Date.now(), node })
  }

  #show(event: SupervisorEvent): void {
    this.#print(this.options.json ? eventJson(event) : eventLine(event))
  }

  #print(line: string): void {
    const { print } = this.options
    if (print) print(line)
    else process.stdout.write(`${line}\n`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
