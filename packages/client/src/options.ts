import { checkReplicas, ENTRIES_MAX, type Replicas } from './addition.js'
import { refuse } from './client-error.js'
import { checkNames, given } from './given.js'
import type { Outbox } from './outbox.js'
import { checkToken, type TokenSource } from './wire.js'

export interface ClientOptions {
  /** 1 to 64 addresses of servers, or of a load balancer before them, such as `http://127.0.0.1:7001`. The first is asked first. */
  readonly urls: readonly string[]
  /** A bearer token, or a function that is asked for one at each attempt. */
  readonly token?: TokenSource | undefined
  /** Of one attempt, until the answer's last byte: 1 to 600,000, default 5,000. */
  readonly timeoutMs?: number | undefined
  /** Of one call over all its attempts: 1 to 3,600,000, default 15,000. */
  readonly deadlineMs?: number | undefined
  /** Between attempts, doubled from one to the next: 1 to 600,000, defaults 50 and 2,000. */
  readonly retry?:
    | { readonly backoffMinMs?: number | undefined; readonly backoffMaxMs?: number | undefined }
    | undefined
  /** Adds gather for so long and are sent together: 0 to 60,000. Default 0: each add is a request of its own. */
  readonly maxDelayMs?: number | undefined
  /** A batch of so many keys does not wait for longer: 1 to 1,000, default 1,000. */
  readonly maxKeys?: number | undefined
  /** The write concern of adds that ask for no other: so many stores must have it. Default: the server's own. */
  readonly replicas?: Replicas | undefined
  /** Where the reads begin: what `position` of an earlier client was. */
  readonly position?: string | undefined
  /** Whether adds are sent with ids, so that they count once however often they are sent. Default true. With false only what was
   *  certainly not counted is sent again. */
  readonly operations?: boolean | undefined
  /** For how long after an id was made adds are tried: 1 to 86,400,000, default 600,000. No longer than the servers' own window. */
  readonly retryWindowMs?: number | undefined
  /** Keeps adds from before they are sent until their end is known, so that those of a program that ends before are sent by the next one:
   *  `fileOutbox` of `@tallymesh/client/file-outbox`, `indexedDbOutbox` of `@tallymesh/client/indexed-db-outbox`. They are tried until
   *  `retryWindowMs` is over, whatever `deadlineMs` is. Default: none, and what was not acknowledged ends with the program. */
  readonly outbox?: Outbox | undefined
  /** In place of the global `fetch`, such as one with certificates of its own. */
  readonly fetch?: typeof fetch | undefined
  /** Uniform in [0, 1), for the backoff. Default `Math.random`. */
  readonly random?: (() => number) | undefined
}

/** Options with their defaults, checked. */
export interface CheckedOptions {
  readonly timeoutMs: number
  readonly deadlineMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  readonly maxDelayMs: number
  readonly maxKeys: number
  readonly replicas: Replicas | undefined
  readonly operations: boolean
  readonly retryWindowMs: number
  readonly outbox: Outbox | undefined
  readonly fetch: typeof fetch
  readonly random: () => number
}

const OPTIONS: ReadonlyArray<keyof ClientOptions> = [
  ...(['urls', 'token', 'timeoutMs', 'deadlineMs', 'retry', 'maxDelayMs', 'maxKeys', 'replicas'] as const),
  ...(['operations', 'retryWindowMs', 'outbox', 'position', 'fetch', 'random'] as const),
]

/** @throws TallymeshClientError INVALID_OPTION, INVALID_TOKEN */
export function checkOptions(options: ClientOptions): CheckedOptions {
  checkNames('options', options, OPTIONS)
  const { token, retry = {}, operations = true, outbox } = options
  checkNames('retry', retry, ['backoffMinMs', 'backoffMaxMs'])
  if (token !== undefined && typeof token !== 'string' && typeof token !== 'function') {
    throw refuse('INVALID_OPTION', `token must be a string or a function, got ${given(token)}`)
  }
  if (typeof token === 'string') checkToken(token)
  if (typeof operations !== 'boolean') {
    throw refuse('INVALID_OPTION', `operations must be true or false, got ${given(operations)}`)
  }
  checkOutbox(outbox, operations)
  // Called as a method of something else, a browser's fetch refuses to work.
  const fetcher = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
  const random = options.random ?? Math.random
  if (typeof fetcher !== 'function') throw refuse('INVALID_OPTION', 'fetch must be a function')
  if (typeof random !== 'function') throw refuse('INVALID_OPTION', 'random must be a function')
  const backoffMinMs = integer('retry.backoffMinMs', retry.backoffMinMs ?? 50, 1, 600_000)
  return {
    timeoutMs: integer('timeoutMs', options.timeoutMs ?? 5_000, 1, 600_000),
    deadlineMs: integer('deadlineMs', options.deadlineMs ?? 15_000, 1, 3_600_000),
    backoffMinMs,
    backoffMaxMs: integer(
      'retry.backoffMaxMs',
      retry.backoffMaxMs ?? Math.max(2_000, backoffMinMs),
      backoffMinMs,
      600_000,
    ),
    maxDelayMs: integer('maxDelayMs', options.maxDelayMs ?? 0, 0, 60_000),
    maxKeys: integer('maxKeys', options.maxKeys ?? ENTRIES_MAX / 2, 1, ENTRIES_MAX / 2),
    replicas: checkReplicas(options.replicas),
    operations,
    retryWindowMs: integer('retryWindowMs', options.retryWindowMs ?? 600_000, 1, 86_400_000),
    outbox,
    fetch: fetcher,
    random,
  }
}

function checkOutbox(outbox: unknown, operations: boolean): void {
  if (outbox === undefined) return
  const { open, commit, close } = Object(outbox) as Partial<Outbox>
  if ([open, commit, close].some(verb => typeof verb !== 'function')) {
    throw refuse('INVALID_OPTION', `outbox must be an Outbox, such as fileOutbox('./outbox'), got ${given(outbox)}`)
  }
  // What is sent again without an id would count again.
  if (!operations) throw refuse('INVALID_OPTION', 'an outbox needs operations: true')
}

/** @throws TallymeshClientError INVALID_OPTION */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw refuse('INVALID_OPTION', `${name} must be an integer from ${min} to ${max}, got ${given(value)}`)
}
