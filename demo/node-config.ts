/** How the supervisor starts a node process; it travels as the only argument, in JSON. */
export interface NodeConfig {
  readonly name: string
  /** How often this node was started before. */
  readonly generation: number
  readonly dataDir: string
  readonly runtimeDir: string
  readonly httpPort: number
  readonly meshPort: number
  readonly peers: readonly string[]
}

/** What a node process tells its supervisor unasked. */
export type NodeNews =
  | { readonly type: 'error'; readonly code: string; readonly message: string }
  | { readonly type: 'peer'; readonly peer: string; readonly state: string }

/** The answer to `GET /readyz`. */
export interface NodeState {
  readonly ready: boolean
  readonly status: string
  readonly replica: string | undefined
  /** The room's requests, all routes and answers together, as this node counts them. */
  readonly total: number
  /** Batches of this node's log that a member has not confirmed, by the member's name. */
  readonly lags: Readonly<Record<string, number>>
}

/** The answer to `GET /counters`. */
export type CounterValues = ReadonlyArray<readonly [key: string, value: number]>
