/** A request that must not count, byte by byte. */
export interface BadRequest {
  readonly is: string
  readonly bytes: string
}

const JSON_BODY = '{"add":1}'

/** A whole add on a key of its own. */
export function plainAdd(key: string): string {
  return add(key, `Content-Length: ${JSON_BODY.length}`, JSON_BODY)
}

/** What somebody wants to reach a node unseen by the balancer: counted, it shows as the key `smuggled`. */
const HIDDEN = plainAdd('smuggled')
const CHUNKED = `0\r\n\r\n${HIDDEN}`
const LENGTH = `Content-Length: ${CHUNKED.length}`

/** Encodings that one reader may take for chunked and another may not; the length covers the hidden request. */
const ENCODINGS: ReadonlyArray<readonly [is: string, header: string]> = [
  ['beside a length', 'Transfer-Encoding: chunked'],
  ['of an unknown kind', 'Transfer-Encoding: xchunked'],
  ['with a space before the colon', 'Transfer-Encoding : chunked'],
  ['with a tab before the colon', 'Transfer-Encoding\t: chunked'],
  ['that is not last', 'Transfer-Encoding: chunked, identity'],
  ['after another', 'Transfer-Encoding: identity, chunked'],
  ['twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x'],
  ['twice the other way round', 'Transfer-Encoding: x\r\nTransfer-Encoding: chunked'],
  ['with a folded value', 'Transfer-Encoding:\r\n chunked'],
  ['after a bare line feed', 'X-Y: z\nTransfer-Encoding: chunked'],
  ['after a bare carriage return', 'X-Y: z\rTransfer-Encoding: chunked'],
  ['with a vertical tab', 'Transfer-Encoding: \x0bchunked'],
  ['with a form feed', 'Transfer-Encoding: chunked\x0c'],
  ['with a NUL', 'Transfer-Encoding: chunked\x00'],
  ['in quotes', 'Transfer-Encoding: "chunked"'],
  ['with a comma', 'Transfer-Encoding: ,chunked'],
  ['with a parameter', 'Transfer-Encoding: chunked;q=1'],
  ['with a high byte', 'Transfer-Encoding: \xffchunked'],
]

/** Only the length counts here: what follows a short one would be a request of its own, and nothing hidden. */
const NO_ENCODINGS: ReadonlyArray<readonly [is: string, header: string]> = [
  ['in a folded header of another name', 'X-Y: z\r\n Transfer-Encoding: chunked'],
  ['with an underscore', 'Transfer_Encoding: chunked'],
]

const LENGTHS: ReadonlyArray<readonly [is: string, header: string]> = [
  ['two lengths', `Content-Length: ${JSON_BODY.length}\r\n${LENGTH}`],
  ['two lengths the other way round', `${LENGTH}\r\nContent-Length: 0`],
  ['two lengths in one header', `Content-Length: ${CHUNKED.length}, 0`],
  ['a length with a sign', `Content-Length: +${CHUNKED.length}`],
  ['a negative length', 'Content-Length: -1'],
  ['a length in hexadecimal', `Content-Length: 0x${CHUNKED.length.toString(16)}`],
  ['a length with a fraction', `Content-Length: ${CHUNKED.length}.0`],
  ['a length with a space inside', 'Content-Length: 1 0'],
  ['a length past 2^64', `Content-Length: ${2n ** 64n + BigInt(JSON_BODY.length)}`],
  ['an empty length', 'Content-Length:'],
]

const CHUNKS: ReadonlyArray<readonly [is: string, body: string]> = [
  ['a chunk size with 0x', `0x9\r\n${JSON_BODY}\r\n0\r\n\r\n`],
  ['a negative chunk size', `-9\r\n${JSON_BODY}\r\n0\r\n\r\n`],
  ['a chunk size past 2^64', `10000000000000009\r\n${JSON_BODY}\r\n0\r\n\r\n`],
  ['a chunk longer than its size', `8\r\n${JSON_BODY}\r\n0\r\n\r\n`],
  ['no line end after a chunk', `9\r\n${JSON_BODY}0\r\n\r\n`],
  ['a chunk size that is no number', `nine\r\n${JSON_BODY}\r\n0\r\n\r\n`],
  ['no chunk size', `\r\n${JSON_BODY}\r\n0\r\n\r\n`],
]

const GET_BAD = 'GET /v1/counters/bad HTTP/1.1\r\n'
const NOISE: readonly BadRequest[] = [
  { is: 'binary noise', bytes: '\x00\x01\xff\xfe\r\n\r\n' },
  { is: 'the start of TLS', bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n' },
  { is: 'no version', bytes: 'POST /v1/counters/bad\r\nHost: room\r\n\r\n' },
  { is: 'no Host', bytes: `${GET_BAD}X: y\r\n\r\n` },
  { is: 'a NUL in a header', bytes: `${GET_BAD}Host: room\r\nX: a\x00b\r\n\r\n` },
  { is: 'a header without a name', bytes: `${GET_BAD}Host: room\r\n: x\r\n\r\n` },
  { is: 'a space in the path', bytes: 'GET /v1/counters/b ad HTTP/1.1\r\nHost: room\r\n\r\n' },
  { is: 'a NUL in the path', bytes: 'GET /v1/counters/b\x00ad HTTP/1.1\r\nHost: room\r\n\r\n' },
  { is: 'CONNECT', bytes: 'CONNECT room:80 HTTP/1.1\r\nHost: room:80\r\n\r\n' },
  { is: 'a head of 100 kB', bytes: `${GET_BAD}Host: room\r\nX: ${'y'.repeat(100_000)}\r\n\r\n` },
  { is: 'a path of 100 kB', bytes: `GET /v1/counters/${'y'.repeat(100_000)} HTTP/1.1\r\nHost: room\r\n\r\n` },
  { is: '3,000 headers', bytes: `${GET_BAD}Host: room\r\n${'X: y\r\n'.repeat(3_000)}\r\n` },
]

export const BAD_REQUESTS: readonly BadRequest[] = [
  ...[...ENCODINGS, ...NO_ENCODINGS].map(([is, header]) => ({
    is: `a transfer encoding ${is}`,
    bytes: add('bad', `${LENGTH}\r\n${header}`, CHUNKED),
  })),
  ...ENCODINGS.map(([is, header]) => ({
    is: `a transfer encoding ${is}, and a short length`,
    bytes: add('bad', `Content-Length: 4\r\n${header}`, `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`),
  })),
  ...LENGTHS.map(([is, header]) => ({ is, bytes: add('bad', header, CHUNKED) })),
  ...CHUNKS.map(([is, body]) => ({ is, bytes: add('bad', 'Transfer-Encoding: chunked', body) })),
  ...NOISE,
]

function add(key: string, headers: string, body: string): string {
  return `POST /v1/counters/${key} HTTP/1.1\r\nHost: room\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`
}
