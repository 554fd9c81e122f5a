import type { Decoder } from './answers.js'
import { type ClientErrorDetails, TallymeshClientError } from './client-error.js'
import type { Operation } from './operation.js'
import { type Problem, parseJson, parseProblem } from './problem.js'

/** One thing to ask of a server. */
export interface Ask<T> {
  readonly method: 'GET' | 'POST'
  /** Of the URL, from the first slash on. */
  readonly path: string
  /** JSON. An ask with a body adds; one without reads. */
  readonly body?: string
  /** With it an add may be sent again although it may have been counted: it counts once. */
  readonly operation?: Operation | undefined
  /** Whether it is tried past the call's deadline, until the retry window of its operation is over. */
  readonly patient?: boolean
  readonly decode: Decoder<T>
  /** Whether the answer must show what this client added. */
  readonly fresh?: boolean
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly contentType: string | null
  readonly retryAfter: string | null
  /** The node that the answer names. */
  readonly node?: string | undefined
  /** Whether a balancer says that it sent the request more than once. */
  readonly repeated?: boolean
  readonly text: string
}

/** How an attempt ended. */
export type Outcome<T> =
  | { readonly kind: 'answer'; readonly value: T }
  /** Another attempt may succeed. Nothing was counted, or the ask names an operation. `holdMs`: how long this server wants to be left alone. */
  | {
      readonly kind: 'again'
      readonly error: TallymeshClientError
      readonly suspect: boolean
      readonly holdMs?: number
    }
  /** Not to be tried again; the error says whether it was counted. */
  | { readonly kind: 'final'; readonly error: TallymeshClientError; readonly suspect: boolean }

const STATUS_RATE_LIMITED = 429

/** What an answer means. Only a problem of ours that says so proves that nothing was counted: any other answer may come from something
 *  that stands between, after the server has counted. */
export function judgeAnswer<T>(ask: Ask<T>, url: string, answer: Answer): Outcome<T> {
  const { status, node } = answer
  const value = status >= 200 && status <= 299 ? ask.decode(parseJson(answer.text)) : undefined
  if (value !== undefined) return { kind: 'answer', value }
  const problem = parseProblem(answer.contentType, answer.text)
  if (problem) return judgeProblem(ask, url, answer, problem)
  const what = `${url} answered ${status} without a code of tallymesh`
  if (ask.body !== undefined) return doubtful(ask, what, { url, status, node }, hold(answer))
  const error = new TallymeshClientError('UNREACHABLE', what, { url, status, node })
  return { kind: 'again', error, suspect: true, ...hold(answer) }
}

function judgeProblem<T>(ask: Ask<T>, url: string, answer: Answer, { code, detail, counted }: Problem): Outcome<T> {
  const { status, node } = answer
  const forGood = status >= 400 && status <= 499 && status !== STATUS_RATE_LIMITED
  const said = `${url} answered ${status} ${code}${detail === '' ? '' : `: ${detail}`}`
  if (ask.body === undefined || counted === false || (counted === undefined && forGood)) {
    // What is refused now may have been counted when the balancer sent it before.
    const uncounted = ask.operation !== undefined && answer.repeated ? 'perhaps' : false
    const error = new TallymeshClientError(code, said, { url, status, node, counted: uncounted })
    if (forGood) return { kind: 'final', error, suspect: false }
    const sound = code === 'NOT_CAUGHT_UP' || status === STATUS_RATE_LIMITED
    return { kind: 'again', error, suspect: !sound, ...hold(answer) }
  }
  if (counted === true) {
    const error = new TallymeshClientError(code, `${said}; it is counted, do not add it again`, {
      url,
      status,
      node,
      counted,
    })
    return { kind: 'final', error, suspect: false }
  }
  // Too old to be tried: that leaves what earlier attempts did open for good.
  if (forGood && ask.operation !== undefined) {
    const error = new TallymeshClientError(code, said, { url, status, node, counted: 'perhaps' })
    return { kind: 'final', error, suspect: false }
  }
  return doubtful(ask, said, { url, status, node }, hold(answer))
}

function hold({ retryAfter }: Answer): { holdMs?: number } {
  if (retryAfter === null) return {}
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.now()
  return ms > 0 ? { holdMs: ms } : {}
}

/** What it means that no whole answer came.
 *  @param unsent whether it is certain that the request did not reach the server as a whole */
export function judgeFailure<T>(ask: Ask<T>, url: string, cause: unknown, unsent: boolean): Outcome<T> {
  const said = `no answer from ${url} (${reason(cause)})`
  if (ask.body !== undefined && !unsent) return doubtful(ask, said, { url, cause })
  return { kind: 'again', error: new TallymeshClientError('UNREACHABLE', said, { url, cause }), suspect: true }
}

/** The innermost cause names what happened; `fetch failed` does not. */
function reason(error: unknown): string {
  let inner = error
  for (let depth = 0; depth < 8 && inner instanceof Error && inner.cause !== undefined; depth++) inner = inner.cause
  if (!(inner instanceof Error)) return String(inner)
  const { code } = inner as { code?: unknown }
  return inner.message !== '' ? inner.message : typeof code === 'string' ? code : inner.name
}

/** What it means that an attempt may have counted: the end, unless it has an id by which servers know it again. */
function doubtful<T>(
  ask: Ask<T>,
  said: string,
  details: Omit<ClientErrorDetails, 'counted'>,
  held: { holdMs?: number } = {},
): Outcome<T> {
  if (ask.operation === undefined)
    return indeterminate(`${said}; it may or may not have been counted, and is not sent again`, details)
  return { ...indeterminate(`${said}; it may or may not have been counted`, details), kind: 'again', ...held }
}

/** The end of an add that may have been counted. */
export function indeterminate(
  said: string,
  details: Omit<ClientErrorDetails, 'counted'>,
): Extract<Outcome<never>, { kind: 'final' }> {
  const error = new TallymeshClientError('INDETERMINATE', said, { ...details, counted: 'perhaps' })
  return { kind: 'final', error, suspect: true }
}
