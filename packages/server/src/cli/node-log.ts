import type { Logger } from 'pino'
import type { ErrorCode, TallymeshError, TallymeshNode } from 'tallymesh'

/** How bad each is that is not an error: what a room lives through on any day, and what callers did and were told. */
const LEVELS: ReadonlyMap<ErrorCode, 'warn' | 'debug'> = new Map([
  ...(['LINK_FAILED', 'PEER_SLOW', 'FRAME_DAMAGED', 'FRAME_TOO_LARGE', 'UPDATE_REFUSED'] as const).map(warn),
  ...(['UNAUTHORIZED', 'WRONG_ROOM', 'WRONG_VERSION', 'WRONG_PROTOCOL', 'MEMBER_REMOVED'] as const).map(warn),
  ...(['WITNESS_UNAVAILABLE', 'NOT_REPLICATED', 'DOOR_READ_ONLY'] as const).map(warn),
  ...(['INVALID_NAME', 'INVALID_AMOUNT', 'INVALID_OPTION', 'COUNTER_OVERFLOW'] as const).map(debug),
  ...(['NOT_READY', 'NODE_CLOSED', 'NOT_CAUGHT_UP', 'LEAVE_REFUSED', 'LEAVE_TIMEOUT'] as const).map(debug),
])

/** Errors of one code within so long are one line, and then a number. */
const QUIET_MS = 10_000

/** Logs what a node reports: its status, its peers, and every error, the first of its code at once. */
export class NodeLog {
  readonly #logger: Logger
  readonly #quiet = new Map<ErrorCode, { untilMs: number; repeated: number }>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  follow(node: TallymeshNode): void {
    node.on('error', error => this.error(error, performance.now()))
    node.on('status', status => {
      const why = status === 'failed' && node.refusal ? `: ${node.refusal.message}` : ''
      this.#logger[status === 'failed' ? 'error' : 'info']({ event: 'status', status }, `the node is ${status}${why}`)
    })
    node.on('peer', ({ name, store, state }) => {
      // A peer that starts or is busy is suspected for a moment: only who is down is worth a look.
      this.#logger[state === 'down' ? 'warn' : 'info'](
        { event: 'peer', peer: name, store, state },
        `peer ${name} is ${state}`,
      )
    })
  }

  /** @param nowMs a monotonic time */
  error(error: TallymeshError, nowMs: number): void {
    const { code, message, cause } = error
    const quiet = this.#quiet.get(code)
    if (quiet && nowMs < quiet.untilMs) {
      quiet.repeated++
      return
    }
    this.#quiet.set(code, { untilMs: nowMs + QUIET_MS, repeated: 0 })
    const fields = {
      ...{ event: 'error', code },
      ...(cause instanceof Error ? { cause: cause.message } : {}),
      ...(quiet && quiet.repeated > 0 ? { repeated: quiet.repeated } : {}),
    }
    this.#logger[LEVELS.get(code) ?? 'error'](fields, message)
  }
}

function warn(code: ErrorCode): [ErrorCode, 'warn'] {
  return [code, 'warn']
}

function debug(code: ErrorCode): [ErrorCode, 'debug'] {
  return [code, 'debug']
}
