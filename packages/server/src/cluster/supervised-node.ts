import { NodeHealth } from './node-health.js'
import type { PeerVerdicts } from './peer-verdicts.js'
import { field, type ProbeResult, probe } from './probe.js'
import { RestartPlan } from './restart-plan.js'
import { type ProcessEnd, SupervisedProcess } from './supervised-process.js'
import type { NodeSpec, NodeTies } from './supervisor-options.js'

/** `starting` until it is first ready; `down` between an end and the next start. */
export type NodePhase = 'starting' | 'ready' | 'not ready' | 'hung' | 'down' | 'given up' | 'stopped'

/** A node process that is kept running: restarted with backoff when it ends, killed and restarted when it hangs. */
export class SupervisedNode {
  phase: NodePhase = 'stopped'
  /** How often it was started again. */
  generation = 0
  /** On the clock of `performance.now`, in ms: when its end or hang was last noticed, and when it was last ready after a start. */
  noticedMs = 0
  readyMs = 0
  /** The body of its last answer to `/readyz`, while its process runs. */
  readiness: unknown
  /** Runs once, between the end of the process and its next start. */
  beforeStart: (() => Promise<void>) | undefined
  #process: SupervisedProcess | undefined
  #health: NodeHealth
  #startedMs = 0
  #notReadyMs = 0
  #reason = ''
  #wasReady = false
  #probing = false
  #probedMs = 0
  #stopping = false
  #planned = false
  #restart: NodeJS.Timeout | undefined
  readonly #plan: RestartPlan

  constructor(
    readonly spec: NodeSpec,
    readonly ties: NodeTies,
  ) {
    this.#plan = new RestartPlan(ties.limits, ties.random)
    this.#health = new NodeHealth(ties.limits, 0)
  }

  get name(): string {
    return this.spec.name
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** How long it was away the last time, from the noticed end to ready, in ms; 0 if never. */
  get awayMs(): number {
    return this.generation > 0 ? Math.max(0, this.readyMs - this.noticedMs) : 0
  }

  start(): void {
    const { ties, spec, generation } = this
    this.phase = 'starting'
    this.readiness = undefined
    this.#wasReady = false
    this.#planned = false
    this.#reason = ''
    this.#startedMs = performance.now()
    this.#health = new NodeHealth(ties.limits, this.#startedMs)
    const child = new SupervisedProcess({
      command: ties.command(spec, generation),
      env: { ...process.env, ...spec.env },
      logFile: ties.logFile(spec),
      guard: ties.guard,
      said: ({ level, text }) => ties.report({ type: 'said', level, text }),
      ended: end => this.#ended(end),
    })
    this.#process = child
    if (child.pid !== undefined) ties.report({ type: 'started', pid: child.pid, generation })
  }

  /** Sends a signal to the process, by its own id. Nothing where there is none. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal)
  }

  /** Probes it where that is due: often while it starts. */
  tick(): void {
    const dueMs = this.phase === 'starting' ? 0 : this.ties.limits.probeIntervalMs
    if (performance.now() - this.#probedMs >= dueMs) void this.probe()
  }

  /** Asks how it is, and acts on that. Never rejects. */
  async probe(): Promise<void> {
    const asked = this.#process
    if (this.#probing || !asked || this.#stopping || this.phase === 'hung') return
    this.#probing = true
    this.#probedMs = performance.now()
    try {
      const { ties } = this
      const target = (path: string) => ({ host: this.spec.host, port: this.spec.port, path })
      const [live, ready] = await Promise.all(
        ['/livez', '/readyz'].map(path => probe(target(path), ties.limits.probeTimeoutMs)),
      )
      if (asked !== this.#process || !live || !ready || this.#stopping) return
      this.#health.note(live.type, performance.now())
      this.#noteReadiness(ready)
      if (!this.#health.suspicious(performance.now())) return
      const verdicts = await ties.askPeers()
      if (asked === this.#process && !this.#stopping) this.#judge(verdicts)
    } finally {
      this.#probing = false
    }
  }

  /** Ends the process for good: by SIGTERM, and by SIGKILL where that takes longer than `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    if (this.#process) await this.#process.stop(graceMs)
    else if (this.phase === 'down') this.phase = 'stopped'
  }

  /** Lets it drain and end, and starts it at once. Resolves when its process was replaced. */
  async replace(graceMs: number): Promise<void> {
    const replaced = this.#process
    if (!replaced || this.#stopping) return
    this.#planned = true
    this.ties.report({ type: 'draining' })
    await replaced.stop(graceMs)
  }

  #noteReadiness(result: ProbeResult): void {
    if (result.type !== 'answer' || this.phase === 'hung') return
    this.readiness = result.body
    if (result.status === 200) return this.#isReady()
    const reason = reasonOf(result.body)
    if (this.phase === 'ready') this.#notReadyMs = performance.now()
    if (reason !== this.#reason && this.#wasReady && !this.#planned) this.ties.report({ type: 'not-ready', reason })
    this.#reason = reason
    if (this.#wasReady) this.phase = 'not ready'
  }

  #isReady(): void {
    const { phase } = this
    if (phase === 'ready') return
    this.phase = 'ready'
    this.#reason = ''
    const nowMs = performance.now()
    if (phase === 'not ready') return this.ties.report({ type: 'serving-again', notReadyMs: nowMs - this.#notReadyMs })
    this.#wasReady = true
    this.#health.settle()
    this.readyMs = nowMs
    const awayMs = this.generation === 0 ? undefined : this.awayMs
    this.ties.report({ type: 'ready', pid: this.pid ?? 0, startMs: nowMs - this.#startedMs, awayMs })
  }

  #judge(verdicts: PeerVerdicts): void {
    const nowMs = performance.now()
    const finding = this.#health.finding(verdicts, nowMs)
    if (finding === undefined || this.phase === 'hung') return
    this.phase = 'hung'
    this.noticedMs = nowMs
    this.ties.report({ type: 'hung', pid: this.pid ?? 0, finding })
    this.signal('SIGKILL')
  }

  #ended({ how, lastError, exitCode }: ProcessEnd): void {
    const nowMs = performance.now()
    const hung = this.phase === 'hung'
    const readyForMs = this.#wasReady ? nowMs - this.readyMs : 0
    this.#process = undefined
    this.readiness = undefined
    if (this.#stopping) {
      this.phase = 'stopped'
      return this.ties.report({ type: 'stopped', how })
    }
    this.phase = 'down'
    if (!hung) this.noticedMs = nowMs
    if (!hung) this.ties.report({ type: 'ended', how, lastError })
    const futile = this.#plan.futile(exitCode, this.#wasReady)
    if (this.#planned) return this.#startIn(0)
    const waitMs = this.#plan.ended(readyForMs, nowMs)
    if (waitMs === undefined || futile !== undefined) return this.#giveUp(futile, lastError)
    this.ties.report({ type: 'restarting', waitMs, quickEnds: this.#plan.quickEnds })
    this.#startIn(waitMs)
  }

  #giveUp(futile: string | undefined, lastError: string | undefined): void {
    this.phase = 'given up'
    const { restartWindowMs: windowMs } = this.ties.limits
    this.ties.report({ type: 'given-up', ends: this.#plan.quickEnds, windowMs, futile, lastError })
  }

  #startIn(waitMs: number): void {
    this.#restart = setTimeout(() => void this.#startAgain(), waitMs)
  }

  async #startAgain(): Promise<void> {
    const before = this.beforeStart
    this.beforeStart = undefined
    try {
      await before?.()
    } catch (error) {
      this.ties.report({ type: 'trouble', text: `starts all the same, but what was to come before failed: ${error}` })
    }
    if (this.#stopping) {
      this.phase = 'stopped'
      return
    }
    this.generation++
    this.start()
  }
}

function reasonOf(body: unknown): string {
  const [reason, detail] = [field(body, 'reason'), field(body, 'detail')].filter(text => typeof text === 'string')
  if (reason === undefined) return 'it gave no reason'
  return detail === undefined ? String(reason) : `${reason} (${detail})`
}
