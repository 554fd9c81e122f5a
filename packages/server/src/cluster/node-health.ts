import type { PeerVerdicts } from './peer-verdicts.js'
import type { ProbeResult } from './probe.js'

export interface HealthLimits {
  /** Without an answer for so long, and with unanswered probes, a node hangs if its peers say so too, in ms. */
  readonly hangMs: number
  /** The same where no other node can be asked. */
  readonly hangAloneMs: number
  /** A process that does not answer at all for so long is given up, whatever anyone says; also how long a start may take. */
  readonly answerMaxMs: number
}

const TIMEOUTS_MIN = 2

/** Judges from probes and peers whether one process hangs. Time is handed in, in ms. */
export class NodeHealth {
  #answeredMs: number
  #timeouts = 0
  #settled = false

  /** @param startMs when the process was started */
  constructor(
    readonly limits: HealthLimits,
    startMs: number,
  ) {
    this.#answeredMs = startMs
  }

  /** Takes the result of one probe of `/livez`. */
  note(result: ProbeResult['type'], nowMs: number): void {
    if (result === 'silence') this.#timeouts++
    if (result !== 'answer') return
    this.#timeouts = 0
    this.#answeredMs = nowMs
  }

  /** The node was ready: from here on a short silence is a hang. Before, opening a large store may keep it busy. */
  settle(): void {
    this.#settled = true
  }

  /** Whether the peers' verdicts are needed to judge. */
  suspicious(nowMs: number): boolean {
    const { hangMs, answerMaxMs } = this.limits
    const silentMs = nowMs - this.#answeredMs
    if (silentMs >= answerMaxMs) return true
    return this.#settled && this.#timeouts >= TIMEOUTS_MIN && silentMs >= hangMs
  }

  /** Why the process is held to hang; undefined where it is not. */
  finding(verdicts: PeerVerdicts, nowMs: number): string | undefined {
    const { hangAloneMs, answerMaxMs } = this.limits
    if (!this.suspicious(nowMs)) return undefined
    const silentMs = nowMs - this.#answeredMs
    const silence = `no answer for ${(silentMs / 1000).toFixed(1)} s`
    const { against, asked } = verdicts
    if (asked === 1 && against === 1) return `${silence}, and its only peer misses it too`
    if (asked > 0 && against * 2 >= asked) return `${silence}, and ${against} of ${asked} peers miss it too`
    if (asked === 0 && silentMs >= hangAloneMs) return `${silence}, and no peer to ask`
    return silentMs >= answerMaxMs ? silence : undefined
  }
}
