import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Journal } from './journal.js'
import type { NodeConfig, NodeNews, NodeState } from './node-config.js'
import { probe } from './probe.js'

export type NodePhase = 'starting' | 'ready' | 'not ready' | 'hung' | 'dead' | 'stopped'

const PROBE_DEADLINE_MS = 700
const SILENCES_MAX = 2
const START_DEADLINE_MS = 15_000
const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
/** Ready for that long, a node has earned a quick restart again. */
const STEADY_MS = 5_000

/** A node process that is kept running: restarted with backoff when it is dead, killed and restarted when it hangs. */
export class SupervisedNode {
  phase: NodePhase = 'stopped'
  generation = 0
  /** What its last answer to a probe said. */
  state: NodeState | undefined
  /** What the demo does to it now, for the view. */
  activity = ''
  /** When, on the clock of `performance.now`, it was last found dead or hung, and last ready after a start. */
  noticedMs = 0
  readyMs = 0
  /** Runs once, between its end and its next start. */
  beforeStart: (() => Promise<void>) | undefined
  #process: ChildProcess | undefined
  #probing = false
  #silences = 0
  #startedMs = 0
  #quickEnds = 0
  readonly #peersDown = new Set<string>()
  #restart: NodeJS.Timeout | undefined
  #stopping = false

  /** @param logFile takes what the process writes to stderr */
  constructor(
    readonly config: Omit<NodeConfig, 'generation'>,
    readonly logFile: string,
    readonly journal: Journal,
    readonly pidsChanged: () => void,
  ) {}

  get name(): string {
    return this.config.name
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** The process that answers now, as its answers name it. */
  get answerer(): string {
    return `${this.name}/${this.generation}`
  }

  start(): void {
    const log = openSync(this.logFile, 'a')
    const config: NodeConfig = { ...this.config, generation: this.generation }
    this.#process = fork(new URL('./node-process.js', import.meta.url), [JSON.stringify(config)], {
      stdio: ['ignore', 'ignore', log, 'ipc'],
    })
    closeSync(log)
    this.phase = 'starting'
    this.state = undefined
    this.#silences = 0
    this.#peersDown.clear()
    this.#startedMs = performance.now()
    this.#process.on('message', (news: NodeNews) => this.#news(news))
    this.#process.on('error', error => this.journal.add(`${this.name}: ${error.message}`))
    this.#process.on('exit', (code, signal) => this.#ended(signal ?? `exit code ${code}`))
    this.pidsChanged()
  }

  /** Sends a signal to the process, by its own id. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Asks how the node is; kills it when it has not answered for too long. */
  async probe(): Promise<void> {
    const asked = this.#process
    if (this.#probing || !asked || this.#stopping) return
    this.#probing = true
    const result = await probe<NodeState>(this.config.httpPort, '/readyz', PROBE_DEADLINE_MS)
    this.#probing = false
    if (asked !== this.#process || this.#stopping) return
    if (result.type === 'answer') this.#answered(result.body)
    else if (result.type === 'silence' && this.phase !== 'starting' && ++this.#silences >= SILENCES_MAX) this.#hung()
    else if (this.phase === 'starting' && performance.now() - this.#startedMs > START_DEADLINE_MS) this.#hung()
  }

  /** Ends the process for good: by SIGTERM, and by SIGKILL where that takes too long. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    const child = this.#process
    if (!child) return
    const gone = once(child, 'exit')
    // A frozen process takes SIGTERM only once it is thawed.
    if (graceMs > 0) for (const signal of ['SIGTERM', 'SIGCONT'] as const) child.kill(signal)
    const deadline = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await gone
    clearTimeout(deadline)
  }

  #answered(state: NodeState): void {
    this.#silences = 0
    this.state = state
    const first = this.phase === 'starting'
    this.phase = state.ready ? 'ready' : 'not ready'
    if (!first || !state.ready) return
    this.readyMs = performance.now()
    if (this.generation > 0) this.journal.add(`${this.name} is ready again`)
  }

  #hung(): void {
    this.phase = 'hung'
    this.noticedMs = performance.now()
    this.journal.add(`the supervisor finds ${this.name} hung: SIGKILL`)
    this.signal('SIGKILL')
  }

  #ended(how: string): void {
    const wasHung = this.phase === 'hung'
    const steady = this.state !== undefined && performance.now() - this.readyMs > STEADY_MS
    this.#process = undefined
    this.phase = this.#stopping ? 'stopped' : 'dead'
    this.pidsChanged()
    if (this.#stopping) return
    if (!wasHung) this.noticedMs = performance.now()
    this.#quickEnds = steady ? 0 : this.#quickEnds + 1
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#quickEnds, 10))
    if (!wasHung) this.journal.add(`the supervisor finds ${this.name} dead (${how}${this.#lastWords(how)})`)
    this.#restart = setTimeout(() => void this.#startAgain(), backoffMs)
  }

  async #startAgain(): Promise<void> {
    const before = this.beforeStart
    this.beforeStart = undefined
    await before?.()
    if (this.#stopping) return
    this.generation++
    this.start()
  }

  #lastWords(how: string): string {
    if (how === 'SIGKILL') return ''
    const lines = readFileSync(this.logFile, 'utf8').trim().split('\n')
    const words = lines.findLast(line => /Error/.test(line))?.trim()
    return words ? `: ${words}` : ''
  }

  #news(news: NodeNews): void {
    if (news.type === 'error') return this.journal.add(`${this.name} reports ${news.code}: ${news.message}`)
    // Of what it sees of its peers, only who went down and came back is worth a line.
    const { peer, state } = news
    if (state === 'down' && this.#peersDown.has(peer)) return
    if (state === 'down') this.#peersDown.add(peer)
    else if (state !== 'up' || !this.#peersDown.delete(peer)) return
    this.journal.add(`${this.name} sees ${peer} ${state}`)
  }
}
