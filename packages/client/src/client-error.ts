import type { Addition } from './addition.js'

/** Whether what was to be added is in the total: `false` it is not and never will be, `true` it is, `'perhaps'` nobody can tell. */
export type Counted = boolean | 'perhaps'

/** Codes of the client itself. All others are the server's. */
export type ClientCode =
  | 'INDETERMINATE'
  | 'UNREACHABLE'
  | 'ABORTED'
  | 'CLOSED'
  | 'BUFFER_FULL'
  | 'INVALID_AMOUNT'
  | 'INVALID_NAME'
  | 'INVALID_OPTION'
  | 'INVALID_TOKEN'
  | 'INVALID_URL'
  | 'KEPT'
  | 'OUTBOX_LOCKED'
  | 'OUTBOX_FAILED'
  | 'OUTBOX_UNSUPPORTED'

export interface ClientErrorDetails {
  readonly counted?: Counted
  readonly status?: number
  readonly url?: string
  readonly node?: string | undefined
  readonly operation?: string
  readonly additions?: readonly Addition[]
  readonly cause?: unknown
}

/** The one error class of the client. Its message, `url` and `cause` never hold a token. */
export class TallymeshClientError extends Error {
  /** The server's code, or one of `ClientCode`. Stable: programs may branch on it. */
  readonly code: string
  /** Of an add. Errors of reads always say `false`. */
  readonly counted: Counted
  /** The HTTP status of the answer, where there was one. */
  readonly status: number | undefined
  /** The server that was asked last. */
  readonly url: string | undefined
  /** The node that answered, where the answer names it: behind a load balancer, `url` does not. A name that is not ASCII is
   *  percent-encoded. */
  readonly node: string | undefined
  /** Of an add that was sent with an id: this id. Together with `additions` it can be tried again, by any client, within the retry
   *  window, and counts once: `client.addAll(error.additions, { operation: error.operation })`. */
  readonly operation: string | undefined
  /** All that was to be counted with this id; of gathered adds the whole batch. */
  readonly additions: readonly Addition[] | undefined

  constructor(code: string, message: string, details: ClientErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : {})
    this.name = 'TallymeshClientError'
    this.code = code
    this.counted = details.counted ?? false
    this.status = details.status
    this.url = details.url
    this.node = details.node
    this.operation = details.operation
    this.additions = details.additions
  }
}

/** A refusal of the client itself, before anything was sent. */
export function refuse(code: ClientCode, message: string, cause?: unknown): TallymeshClientError {
  return new TallymeshClientError(code, message, cause === undefined ? {} : { cause })
}
