import { type BalancerAddresses, type BalancerKind, writeBalancer } from './balancer-files.js'
import type { Guard } from './guard.js'
import { probe } from './probe.js'
import { RestartPlan } from './restart-plan.js'
import { type ProcessEnd, SupervisedProcess } from './supervised-process.js'
import type { SupervisorNews } from './supervisor-event.js'
import { DEFAULT_LIMITS } from './supervisor-options.js'
import { until } from './until.js'

const PROBE_TIMEOUT_MS = 500
const STOP_GRACE_MS = 1_000

export interface BalancerOptions {
  readonly kind: BalancerKind
  readonly host: string
  readonly port: number
  readonly servers: BalancerAddresses['servers']
  /** For its configuration; made if missing. */
  readonly directory: string
  readonly logFile: string
  readonly guard: Guard
  readonly report: (news: SupervisorNews) => void
}

/** A load balancer's process, restarted when it ends. */
export class SupervisedBalancer {
  readonly options: BalancerOptions
  readonly #command: readonly string[]
  readonly #plan = new RestartPlan(DEFAULT_LIMITS, Math.random)
  #process: SupervisedProcess | undefined
  #startedMs = 0
  #stopping = false
  #givenUp = false
  #generation = 0
  #restart: NodeJS.Timeout | undefined

  /** Writes its configuration. @throws TallymeshError INVALID_OPTION where the program is not installed */
  constructor(options: BalancerOptions) {
    this.options = options
    const { kind, directory, host, port, servers } = options
    this.#command = writeBalancer(kind, directory, { bind: `${host}:${port}`, servers })
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get givenUp(): boolean {
    return this.#givenUp
  }

  start(): void {
    const { logFile, guard, report } = this.options
    this.#startedMs = performance.now()
    const process_ = new SupervisedProcess({
      command: this.#command,
      env: process.env,
      logFile,
      guard,
      said: () => {},
      ended: end => this.#ended(end),
    })
    this.#process = process_
    if (process_.pid !== undefined) report({ type: 'started', pid: process_.pid, generation: this.#generation })
  }

  /** Resolves once requests reach a node through it. @throws Error after the deadline, AbortError */
  async passing(deadlineMs: number, signal?: AbortSignal): Promise<void> {
    const { kind, host, port } = this.options
    const passes = async () => {
      if (this.#givenUp) throw new Error(`${kind} cannot be started; see ${this.options.logFile}`)
      const result = await probe({ host, port, path: '/readyz' }, PROBE_TIMEOUT_MS)
      return result.type === 'answer' && result.status === 200
    }
    await until(`${kind} to pass requests on`, passes, deadlineMs, signal)
  }

  /** Ends it. It holds nothing that could be lost. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    await this.#process?.stop(STOP_GRACE_MS)
  }

  #ended({ how, lastError }: ProcessEnd): void {
    const { report } = this.options
    this.#process = undefined
    if (this.#stopping) return report({ type: 'stopped', how })
    report({ type: 'ended', how, lastError })
    const nowMs = performance.now()
    const waitMs = this.#plan.ended(nowMs - this.#startedMs, nowMs)
    const { quickEnds } = this.#plan
    if (waitMs === undefined) {
      this.#givenUp = true
      const { restartWindowMs: windowMs } = DEFAULT_LIMITS
      return report({ type: 'given-up', ends: quickEnds, windowMs, futile: undefined, lastError })
    }
    report({ type: 'restarting', waitMs, quickEnds })
    this.#restart = setTimeout(() => {
      this.#generation++
      this.start()
    }, waitMs)
  }
}
