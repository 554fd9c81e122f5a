import type { SupervisedNode } from '@tallymesh/server'
import type { Balancer } from './balancer.js'
import type { CurrentFault, Faults } from './faults.js'
import type { Journal, JournalEntry } from './journal.js'
import type { Ledger } from './ledger.js'
import type { Figures, NodeFigures } from './node-figures.js'
import { seconds, tableLines } from './table.js'
import type { Traffic } from './traffic.js'

export interface Scene {
  readonly nodes: readonly SupervisedNode[]
  readonly figures: NodeFigures
  readonly balancer: Balancer
  readonly traffic: Traffic
  readonly ledger: Ledger
  readonly faults: Faults
  readonly journal: Journal
  /** How long the traffic runs. */
  readonly seconds: number
  readonly seed: number
}

const FRAME_MS = 250
const PLAIN_STATUS_MS = 2_000
const EVENTS_SHOWN = 9

/** Shows what happens: a picture that is redrawn on a terminal, plain lines anywhere else. */
export class View {
  readonly #live: boolean
  #scene: Scene | undefined
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #drawn = 0
  #lastAnswered = 0
  #lastMs = 0
  #ratePerSecond = 0
  /** When the traffic is to end, since the demo began. */
  #endS = 0

  /** @param env `NO_COLOR` or `CI` ask for plain lines */
  constructor(
    readonly out: NodeJS.WriteStream,
    readonly env: NodeJS.ProcessEnv,
    readonly journal: Journal,
  ) {
    this.#live = Boolean(out.isTTY) && !env.NO_COLOR && !env.CI && env.TERM !== 'dumb'
    journal.onEntry(entry => {
      if (!this.#stopped && (!this.#live || !this.#scene)) this.line(eventLine(entry))
    })
  }

  start(scene: Scene): void {
    this.#scene = scene
    this.#lastMs = performance.now()
    this.#endS = Math.round(scene.journal.nowMs / 1000 + scene.seconds)
    if (this.#live) this.out.write(HIDE_CURSOR)
    const show = this.#live ? () => this.#draw(scene) : () => this.line(this.#status(scene))
    this.#timer = setInterval(show, this.#live ? FRAME_MS : PLAIN_STATUS_MS)
  }

  /** Leaves the last picture standing. Events are not shown any more: nodes that are stopped miss each other, and the verdict ends it all. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    if (this.#live && this.#scene) {
      this.#draw(this.#scene)
      this.out.write(SHOW_CURSOR)
    }
    this.#scene = undefined
  }

  line(text: string): void {
    this.out.write(`${text}\n`)
  }

  #draw(scene: Scene): void {
    const width = (this.out.columns || 80) - 1
    const lines = this.#picture(scene).slice(0, (this.out.rows || 50) - 1)
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    this.out.write(`${up}\r${lines.map(line => `${paint(line.slice(0, width))}${CLEAR_REST}\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }

  #picture(scene: Scene): string[] {
    const { nodes, figures, journal, faults, balancer, seed } = scene
    const { current } = faults
    const fault = current
      ? `${current.report.fault} ${current.report.node}, for ${seconds(journal.nowMs - current.report.atMs)}`
      : 'none now'
    return [
      `tallymesh demo   ${nodes.length} nodes   balanced by ${balancer.title}   seed ${seed}`,
      '',
      ...tableLines(
        ['node', 'state', 'being', 'replica id', 'requests', 'restarts', 'lag to the others'],
        nodes.map(node => nodeRow(node, figures.of(node), current)),
      ),
      '',
      this.#status(scene),
      `fault     ${fault}`,
      '',
      ...journal.last(EVENTS_SHOWN).map(eventLine),
    ]
  }

  #status({ traffic, ledger, journal }: Scene): string {
    const nowMs = performance.now()
    const answered = traffic.latenciesMs.length
    if (nowMs - this.#lastMs >= 900) {
      this.#ratePerSecond = Math.round(((answered - this.#lastAnswered) * 1_000) / (nowMs - this.#lastMs))
      this.#lastAnswered = answered
      this.#lastMs = nowMs
    }
    const { broken, redispatched } = traffic.attempts
    return (
      `${clock(journal.nowMs)} of ~${this.#endS} s   ${this.#ratePerSecond} req/s   acknowledged ${ledger.acknowledged}   ` +
      `attempts broken off ${broken}   given to another node ${redispatched}`
    )
  }
}

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_REST = '\x1b[K'
const BAD = /\b(?:gone|hung|hangs|not ready|SIGKILL|SIGSTOP|SIGTERM|cut off|down|given up)\b/g
const GOOD = /\b(?:ready|up|over)\b/g

function paint(line: string): string {
  return line.replace(BAD, '\x1b[31m$&\x1b[39m').replace(GOOD, '\x1b[32m$&\x1b[39m')
}

function nodeRow(node: SupervisedNode, figures: Figures | undefined, fault: CurrentFault | undefined): string[] {
  const { name, phase, generation } = node
  const lags = [...(figures?.lags ?? [])].map(([peer, lag]) => `${peer} ${lag}`)
  return [
    name,
    phase,
    fault?.report.node === name ? fault.activity : '',
    figures?.replica ?? '-',
    String(figures?.requests ?? '-'),
    String(generation),
    lags.sort().join('  '),
  ]
}

function eventLine({ atMs, text }: JournalEntry): string {
  return `${clock(atMs)}  ${text}`
}

function clock(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`
}
