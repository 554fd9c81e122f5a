import type { Guard } from './guard.js'
import type { HealthLimits } from './node-health.js'
import type { PeerVerdicts } from './peer-verdicts.js'
import type { RestartLimits } from './restart-plan.js'
import type { SupervisorNews } from './supervisor-event.js'

/** A node to run. */
export interface NodeSpec {
  readonly name: string
  /** Where it listens, for programs and peers alike. */
  readonly host: string
  readonly port: number
  readonly dataDir: string
  /** `ws://host:port` of the others; the rest is learned. */
  readonly peers: readonly string[]
  /** Further flags of `tallymesh start`. */
  readonly flags?: readonly string[]
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: NodeJS.ProcessEnv
}

export interface SupervisorLimits extends HealthLimits, RestartLimits {
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
}

export const DEFAULT_LIMITS: SupervisorLimits = {
  probeIntervalMs: 200,
  probeTimeoutMs: 700,
  hangMs: 1_400,
  hangAloneMs: 5_000,
  answerMaxMs: 30_000,
  restartsMax: 10,
  restartWindowMs: 60_000,
  steadyMs: 10_000,
}

export interface SupervisorOptions {
  readonly nodes: readonly NodeSpec[]
  /** An existing directory: what node `a` writes is appended to `a.log` there. */
  readonly logDir: string
  /** Ends the nodes when this process is gone. The caller makes it and lets it leave after `stop`. */
  readonly guard: Guard
  /** Instead of `tallymesh start` with the node's own flags: the program and its arguments. */
  readonly command?: (node: NodeSpec, generation: number) => readonly string[]
  /** What is shown to the nodes to ask for their members; with scope `read`. */
  readonly token?: string | undefined
  readonly limits?: Partial<SupervisorLimits>
  /** Uniform in [0, 1), for the jitter of restarts. */
  readonly random?: () => number
}

/** What ties a supervised node to its supervisor. */
export interface NodeTies {
  readonly limits: SupervisorLimits
  readonly guard: Guard
  readonly random: () => number
  readonly command: (node: NodeSpec, generation: number) => readonly string[]
  readonly logFile: (node: NodeSpec) => string
  readonly report: (news: SupervisorNews) => void
  /** How the other nodes that run see this one. */
  readonly askPeers: () => Promise<PeerVerdicts>
}
