import { resolve } from 'node:path'
import { checkName, TallymeshError } from '@tallymesh/crdt'
import { HELLO_URLS_MAX, parsePeerUrl, tokenMatcher } from '@tallymesh/link'

/** How a node is opened. */
export interface NodeOptions {
  /** The node's name in the room, 1 to 256 bytes of UTF-8; for people, not for identity. */
  readonly name: string
  /** The node's own directory; made if it is missing. One process at a time. */
  readonly dataDir: string
  /** The room whose counters this node shares. Default `default`. A directory belongs to one room for good. */
  readonly room?: string
  /** Where to listen for peers and y-websocket clients; omitted, this node only dials. Port 0 takes a free one. */
  readonly listen?: ListenOptions
  /** Seeds: addresses of some other nodes, `ws://host:port` or `wss://host:port`. The rest is learned from them. */
  readonly peers?: readonly string[]
  /** The room's secret, asked of whoever connects and shown to whom this node dials. Omitted: nobody is asked. */
  readonly token?: string | undefined
  /** Where the witness lives: a directory that does not outlive the operating system's boot. Default: the first that can be
   *  written of $XDG_RUNTIME_DIR, /run/tallymesh and /dev/shm. `false`: none; then every start takes a fresh replica id. */
  readonly runtimeDir?: string | false
  /** Opens a damaged directory, keeps what can be read and fetches the rest from the peers. Default false: refuse. */
  readonly repair?: boolean
  /** Between heartbeats, in ms, 10 to 60,000. Default 500. A silent peer is suspected after about three. */
  readonly heartbeatMs?: number
  /** Between comparisons of clocks with a peer that differs, in ms, 10 to 600,000. Default 2,000. */
  readonly antiEntropyMs?: number
  /** How long `replicas` may take to be confirmed unless the call says otherwise, in ms, 1 to 600,000. Default 5,000. */
  readonly replicasTimeoutMs?: number
  /** How long `close` waits for peers to confirm what they lack, in ms, 0 to 600,000. Default 2,000. */
  readonly closeTimeoutMs?: number
}

export interface ListenOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 to 65,535. */
  readonly port: number
  /** What others dial to reach this node. Default: the listening address, unless it is a wildcard. */
  readonly advertise?: readonly string[]
  /** Values of the Origin header whose pages may open the y-websocket door. Default: none; programs send no Origin. */
  readonly origins?: readonly string[]
}

/** Options, checked once and completed. */
export interface Settings {
  readonly name: string
  readonly dataDir: string
  readonly room: string
  readonly listen: Required<Omit<ListenOptions, 'advertise'>> | undefined
  readonly advertise: readonly string[] | undefined
  readonly peers: readonly string[]
  readonly token: string | undefined
  readonly runtimeDir: string | false | undefined
  readonly repair: boolean
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
  readonly replicasTimeoutMs: number
  readonly closeTimeoutMs: number
}

const KNOWN = new Set([
  ...['name', 'dataDir', 'room', 'listen', 'peers', 'token', 'runtimeDir', 'repair'],
  ...['heartbeatMs', 'antiEntropyMs', 'replicasTimeoutMs', 'closeTimeoutMs'],
])
const KNOWN_LISTEN = new Set(['host', 'port', 'advertise', 'origins'])

/** Checks the options, in words. @throws TallymeshError INVALID_OPTION, INVALID_NAME or INVALID_URL */
export function checkOptions(options: NodeOptions): Settings {
  if (typeof options !== 'object' || options === null) throw invalid('openNode takes an object of options')
  checkKnown('openNode', options, KNOWN)
  const { dataDir, token, runtimeDir } = options
  if (typeof dataDir !== 'string' || dataDir === '' || dataDir.includes('\0')) {
    throw invalid(`dataDir must be the path of a directory, got ${show(dataDir)}`)
  }
  if (token !== undefined) checkToken(token)
  if (runtimeDir !== undefined && runtimeDir !== false && (typeof runtimeDir !== 'string' || runtimeDir === '')) {
    throw invalid('runtimeDir must be the path of a directory, or false')
  }
  return {
    name: checkName('node name', options.name),
    dataDir: resolve(dataDir),
    room: checkName('room name', options.room ?? 'default'),
    listen: options.listen === undefined ? undefined : checkListen(options.listen),
    advertise: options.listen?.advertise === undefined ? undefined : checkAdvertise(options.listen.advertise),
    peers: checkPeers(options.peers ?? []),
    token,
    runtimeDir,
    repair: checkFlag('repair', options.repair ?? false),
    heartbeatMs: checkInteger('heartbeatMs', options.heartbeatMs ?? 500, 10, 60_000),
    antiEntropyMs: checkInteger('antiEntropyMs', options.antiEntropyMs ?? 2_000, 10, 600_000),
    replicasTimeoutMs: checkInteger('replicasTimeoutMs', options.replicasTimeoutMs ?? 5_000, 1, 600_000),
    closeTimeoutMs: checkInteger('closeTimeoutMs', options.closeTimeoutMs ?? 2_000, 0, 600_000),
  }
}

/** @throws TallymeshError INVALID_OPTION */
export function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`${option} must be an integer from ${min} to ${max}, got ${show(value)}`)
}

function checkListen(listen: ListenOptions): NonNullable<Settings['listen']> {
  if (typeof listen !== 'object' || listen === null) throw invalid('listen must be an object with a port')
  checkKnown('listen', listen, KNOWN_LISTEN)
  const { host = '127.0.0.1', origins = [] } = listen
  if (typeof host !== 'string' || host === '') throw invalid('listen.host must be a host name or address')
  if (!Array.isArray(origins) || origins.some(origin => typeof origin !== 'string')) {
    throw invalid('listen.origins must be a list of origins such as https://example.org')
  }
  return { host, port: checkInteger('listen.port', listen.port, 0, 65_535), origins }
}

function checkAdvertise(urls: readonly string[]): string[] {
  if (!Array.isArray(urls) || urls.length > HELLO_URLS_MAX) {
    throw invalid(`listen.advertise must be a list of at most ${HELLO_URLS_MAX} addresses such as ws://10.0.0.1:7001`)
  }
  return urls.map(url => parsePeerUrl(String(url)))
}

function checkPeers(peers: readonly string[]): string[] {
  if (!Array.isArray(peers)) throw invalid('peers must be a list of addresses such as ws://127.0.0.1:7002')
  return [...new Set(peers.map(peer => parsePeerUrl(String(peer))))]
}

function checkToken(token: unknown): void {
  if (typeof token !== 'string' || token === '') throw invalid('token must be a text that is not empty')
  tokenMatcher([token])
}

function checkFlag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw invalid(`${option} must be true or false, got ${show(value)}`)
}

function checkKnown(what: string, options: object, known: ReadonlySet<string>): void {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalid(`${what} has no option ${option}; it knows ${[...known].join(', ')}`)
  }
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function invalid(message: string): TallymeshError {
  return new TallymeshError('INVALID_OPTION', message)
}
