import { ERROR_CODES, type ErrorCode } from '@tallymesh/crdt'
import { mutate } from '../mutate.js'
import type { Prng } from '../prng.js'
import { exchange } from '../raw-exchange.js'
import { anyKey, samplesOf } from '../sample-entries.js'
import { ServerScene } from '../server-scene.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** Requests, byte by byte, to a real server: keys in paths, query strings, JSON bodies, positions. */
export const http: Target = {
  name: 'http',
  share: 1_200,
  codes: [
    ...([
      'INVALID_NAME',
      'INVALID_AMOUNT',
      'INVALID_OPTION',
      'REQUEST_INVALID',
      'NOT_FOUND',
      'COUNTER_OVERFLOW',
    ] as const),
    ...(['METHOD_NOT_ALLOWED', 'BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED', 'NOT_CAUGHT_UP', 'NOT_REPLICATED'] as const),
    ...(['MEMBER_UNKNOWN', 'EXPORT_DAMAGED', 'EXPORT_WRONG_ROOM', 'RATE_LIMITED', 'UNAUTHORIZED'] as const),
  ],
  open: async seed => new HttpTarget(seed, await ServerScene.open()),
}

const AMOUNTS = [
  '1',
  '-1',
  '9007199254740991',
  '-9007199254740991',
  '0',
  '-0',
  '1e3',
  '1.0',
  '9007199254740992',
  '"5"',
  'null',
  '01',
]
const QUERIES = [
  '',
  '?limit=10',
  '?prefix=o&after=orders',
  '?replicas=1&timeoutMs=100',
  '?replicas=majority',
  '?limit=%',
  '?token=x',
  '?__proto__=1',
]
const POSITIONS = [
  '',
  '1:0',
  'ff:1',
  '1fffffffffffff:9007199254740991',
  'abc',
  '1:1,2:2,',
  '0:1',
  `${'1:0,'.repeat(2_000)}1:0`,
]

class HttpTarget implements OpenTarget {
  readonly #keys: readonly string[]

  constructor(
    seed: number,
    readonly scene: ServerScene,
  ) {
    this.#keys = ['orders', 'orders{region="eu"}', ...samplesOf(anyKey, 30, seed)]
  }

  sample(prng: Prng): Uint8Array {
    const key = encodeURIComponent(prng.pick(this.#keys))
    const way = prng.int(10)
    if (way < 4) return request('POST', `/v1/counters/${key}`, this.#add(prng))
    if (way < 6) {
      const adds = Array.from(
        { length: prng.int(4) },
        () => `{"key":${JSON.stringify(prng.pick(this.#keys))},"add":${prng.pick(AMOUNTS)}}`,
      )
      return request('POST', `/v1/counters${prng.chance(0.3) ? prng.pick(QUERIES) : ''}`, `[${adds}]`)
    }
    const after = prng.chance(0.5) ? { 'Tallymesh-After': prng.pick(POSITIONS) } : {}
    if (way < 8) return request('GET', `/v1/counters/${key}`, '', after)
    return request('GET', `/v1/counters${prng.pick(QUERIES)}`, '', after)
  }

  /** Mostly the target or the body alone, with a length that fits: else all stops at the head. */
  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    const other = () => this.sample(prng)
    if (prng.chance(0.25)) return mutate(bytes, prng, other)
    const { method, path, body, after } = partsOf(bytes)
    const part = body.length > 0 && prng.chance(0.65) ? 'body' : 'path'
    const way = (text: string) => Buffer.from(mutate(Buffer.from(text, 'latin1'), prng, other)).toString('latin1')
    if (part === 'body') return request(method, path, way(body), after)
    if (prng.chance(0.3))
      return request(method, path, body, {
        'Tallymesh-After': way(prng.pick(POSITIONS)).replace(/[^\t\x20-\xff]/g, ''),
      })
    // A space or a line end would end the target of the request.
    return request(method, `/${way(path.slice(1)).replace(/[\0-\x20\x7f-\xff]/g, '%')}`, body, after)
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const { scene } = this
    const before = scene.values()
    const { text, statuses, body } = await exchange(scene.port, bytes, true)
    const status = statuses[0] ?? 0
    must(
      statuses.every(each => each !== 500),
      `the server failed: ${text.slice(0, 300)}`,
    )
    must(scene.server.node.status === 'ready', `the node is ${scene.server.node.status}`)
    const problem = status >= 400 ? problemOf(body) : undefined
    if (statuses.length === 1 && (problem ? problem.counted !== true : bytes[0] !== 0x50)) {
      must(
        changesOf(before, scene.values()) === '',
        `what was not counted changed ${changesOf(before, scene.values())}`,
      )
    }
    if (statuses.length === 1 && status === 200 && bytes[0] === 0x50) {
      must(!/"add"\s*:\s*-?\d*[.eE]/.test(partsOf(bytes).body), 'an amount was taken that is not written as an integer')
      const [risen, asked] = [sumOf(scene.values()) - sumOf(before), askedIn(partsOf(bytes).body)]
      must(asked === undefined || risen === asked, `${risen} was counted where ${asked} was asked for`)
    }
    if (problem === undefined) return 'accepted'
    must(Object.hasOwn(ERROR_CODES, problem.code), `an answer has the code ${problem.code}`)
    return problem.code
  }

  close(): Promise<void> {
    return this.scene.close()
  }

  #add(prng: Prng): string {
    const more = prng.pick([
      '',
      '',
      '',
      ',"replicas":1',
      ',"timeoutMs":5',
      ',"add":1',
      ',"__proto__":{}',
      `,"x":${'['.repeat(3_000)}`,
    ])
    return `{"add":${prng.pick(AMOUNTS)}${more}}`
  }
}

interface RequestParts {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly after: Readonly<Record<string, string>>
}

/** A request as a program writes it; its texts stand for bytes. */
export function request(
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Uint8Array {
  const own = method === 'POST' ? { 'Content-Type': 'application/json', 'Content-Length': String(body.length) } : {}
  const lines = Object.entries({ Host: 'fuzz', Connection: 'close', ...own, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`, 'latin1')
}

function partsOf(bytes: Uint8Array): RequestParts {
  const text = Buffer.from(bytes).toString('latin1')
  const [method = 'GET', path = '/'] = text.split(' ', 2)
  const position = /\r\nTallymesh-After: (.*)\r\n/.exec(text)?.[1]
  const after = position === undefined ? {} : { 'Tallymesh-After': position }
  return { method, path, body: text.slice(text.indexOf('\r\n\r\n') + 4), after }
}

interface Problem {
  readonly code: ErrorCode
  readonly counted?: boolean | 'perhaps'
}

/** @throws Fault where the answer does not say what is wrong */
function problemOf(body: string): Problem | undefined {
  // The answer to HEAD has none.
  if (body === '') return undefined
  const problem = JSON.parse(Buffer.from(body, 'latin1').toString()) as Partial<Problem>
  must(typeof problem.code === 'string', `an answer has no code: ${body}`)
  return problem as Problem
}

function sumOf(values: ReadonlyMap<string, bigint>): bigint {
  return [...values.values()].reduce((sum, value) => sum + value, 0n)
}

/** What the body of an add asks for, over all keys; undefined where its bytes are more than that body. */
function askedIn(body: string): bigint | undefined {
  try {
    const adds = [JSON.parse(body) as { add: number } | { add: number }[]].flat()
    return adds.reduce((sum, { add }) => sum + BigInt(add), 0n)
  } catch {
    return undefined
  }
}

/** Which counters differ, as text; empty where none does. */
export function changesOf(before: ReadonlyMap<string, bigint>, after: ReadonlyMap<string, bigint>): string {
  const changed = [...after].filter(([key, value]) => (before.get(key) ?? 0n) !== value)
  const gone = [...before.keys()].filter(key => !after.has(key))
  return [...changed.map(([key, value]) => `${key} from ${before.get(key) ?? 0} to ${value}`), ...gone].join(', ')
}
