import { refuse, TallymeshClientError } from './client-error.js'
import { neverConnected } from './connection-failure.js'
import type { Endpoint } from './endpoints.js'
import { Leash } from './leash.js'
import { type Answer, type Ask, indeterminate, judgeAnswer, judgeFailure, type Outcome } from './outcome.js'
import type { Position } from './position.js'
import { type SingleBody, singleBody, streamsBodies } from './single-body.js'

const ANSWER_BYTES_MAX = 32 * 1024 * 1024
// What a header may hold; a line end in it would be another header.
const TOKEN = /^[\x21-\x7e]{1,4096}$/

/** A stream that stands, or the answer that came in its place. */
export type Opened = { readonly stream: Response } | { readonly stream?: undefined; readonly answer: Answer }

export type TokenSource = string | (() => string | Promise<string>)

/** Sends single requests. Knows nothing of trying again. */
export class Wire {
  readonly #fetch: typeof fetch
  readonly #token: TokenSource | undefined
  readonly #position: Position
  readonly #streamed = streamsBodies()

  constructor(fetcher: typeof fetch, token: TokenSource | undefined, position: Position) {
    this.#fetch = fetcher
    this.#token = token
    this.#position = position
  }

  /** Never rejects.
   *  @param timeoutMs until the answer's last byte */
  async send<T>(
    ask: Ask<T>,
    endpoint: Endpoint,
    timeoutMs: number,
    signals: ReadonlyArray<AbortSignal | undefined>,
  ): Promise<Outcome<T>> {
    const leash = new Leash(signals)
    leash.allow(timeoutMs)
    const body = ask.body === undefined ? undefined : singleBody(ask.body, this.#streamed)
    try {
      const answer = await leash.hold(this.#exchange(ask, endpoint, body, leash.signal))
      return judgeAnswer(ask, endpoint.url, answer)
    } catch (error) {
      const byCaller = leash.signal.aborted && !leash.timedOut
      leash.cut()
      const { url } = endpoint
      const unsent = body === undefined || body.withdraw() || neverConnected(error)
      if (!unsent && byCaller) {
        const said = `the call to ${url} was aborted; it may or may not have been counted, and is not sent again`
        return indeterminate(said, { url, cause: error })
      }
      if (unsent && byCaller) return { kind: 'final', error: aborted(error), suspect: false }
      if (unsent && error instanceof TallymeshClientError) return { kind: 'final', error, suspect: false }
      return judgeFailure(ask, url, error, unsent)
    } finally {
      leash.drop()
    }
  }

  async #exchange<T>(
    ask: Ask<T>,
    endpoint: Endpoint,
    body: SingleBody | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    const token = await this.#currentToken()
    return await readAnswer(await this.#request(ask, endpoint, body, token, signal), token)
  }

  /** Starts to read a stream of events, whose body the caller reads or cancels; or answers what came in its place.
   *  @throws what `fetch` throws, TallymeshClientError INVALID_TOKEN */
  async open(ask: Ask<unknown>, endpoint: Endpoint, signal: AbortSignal): Promise<Opened> {
    const token = await this.#currentToken()
    const response = await this.#request(ask, endpoint, undefined, token, signal)
    const isStream = response.ok && /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')
    return isStream ? { stream: response } : { answer: await readAnswer(response, token) }
  }

  async #request(
    ask: Ask<unknown>,
    { url }: Endpoint,
    body: SingleBody | undefined,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    signal.throwIfAborted()
    const headers = new Headers()
    if (body?.length !== undefined) headers.set('content-length', String(body.length))
    if (body !== undefined) headers.set('content-type', 'application/json')
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
    if (ask.operation !== undefined) headers.set('idempotency-key', ask.operation.id)
    const position = this.#position.toString()
    if (ask.fresh && position !== '') headers.set('tallymesh-after', position)
    const { method } = ask
    const response = await this.#fetch(`${url}${ask.path}`, {
      // Not followed: a redirected request would be a second one. Cookies are no business of this client.
      ...{ redirect: 'error', credentials: 'omit', cache: 'no-store', ...body?.init },
      ...{ method, headers, signal },
    })
    const after = response.headers.get('tallymesh-after')
    if (after !== null) this.#position.merge(after)
    return response
  }

  async #currentToken(): Promise<string | undefined> {
    if (this.#token === undefined) return undefined
    let token: string
    try {
      token = typeof this.#token === 'function' ? await this.#token() : this.#token
    } catch (cause) {
      throw refuse('INVALID_TOKEN', 'the token function failed; nothing was sent', cause)
    }
    return checkToken(token)
  }
}

/** Refuses what no header can hold, without showing it. @throws TallymeshClientError INVALID_TOKEN */
export function checkToken(token: unknown): string {
  if (typeof token === 'string' && TOKEN.test(token)) return token
  const rule = 'a token must be 1 to 4,096 printable ASCII characters without spaces'
  throw refuse('INVALID_TOKEN', `${rule}; nothing was sent`)
}

/** What a caller is told whose signal aborted before anything was counted. */
export function aborted(reason: unknown): TallymeshClientError {
  if (reason instanceof TallymeshClientError) return reason
  return refuse('ABORTED', 'the signal of this call aborted; nothing was counted', reason)
}

async function readAnswer(response: Response, token: string | undefined): Promise<Answer> {
  // What comes back is shown in errors; a server that repeats what it was sent must not put the token there.
  const shown = (text: string) => (token === undefined ? text : text.replaceAll(token, '[token]'))
  const node = response.headers.get('tallymesh-node')
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    retryAfter: response.headers.get('retry-after'),
    node: node === null ? undefined : shown(node),
    repeated: response.headers.has('tallymesh-repeated'),
    text: shown(await readText(response)),
  }
}

/** The whole answer as text. @throws Error where it is longer than 32 MiB or no UTF-8 */
async function readText(response: Response): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.length
    if (bytes > ANSWER_BYTES_MAX) {
      await reader.cancel()
      throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}
