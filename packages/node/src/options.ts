import { resolve } from 'node:path'
import { type BatchVersion, checkName, TallymeshError } from '@tallymesh/crdt'
import { HELLO_URLS_MAX, parseDnsSeed, parsePeerUrl } from '@tallymesh/link'
import type { PeerTls } from './peer-tls.js'
import type { ResolveName } from './seeds.js'
import { checkTokenOption, type TokenPolicy } from './token-policy.js'

/** How a node is opened. */
export interface NodeOptions {
  /** The node's name in the room, 1 to 256 bytes of UTF-8; for people, not for identity. */
  readonly name: string
  /** The node's own directory; made if it is missing. One process at a time. */
  readonly dataDir: string
  /** The room whose counters this node shares. Default `default`. A directory belongs to one room for good. */
  readonly room?: string
  /** Where to listen for peers and y-websocket clients; omitted, this node only dials. Port 0 takes a free one. Without a port
   *  the caller has a server, and hands its upgrade requests to `node.handleUpgrade`. */
  readonly listen?: ListenOptions | AdvertiseOptions
  /** Seeds: addresses of some other nodes, `ws://host:port` or `wss://host:port`; the rest is learned from them. And
   *  `dns:NAME:PORT`: every address that the name resolves to, asked again every 5 s; dialed by wss where `tls` is given. */
  readonly peers?: readonly string[]
  /** The room's secret, asked of whoever connects and shown to whom this node dials; or a policy, which may change while the
   *  node runs. Omitted: nobody is asked. */
  readonly token?: string | TokenPolicy | undefined
  /** Certificates for dialing wss peers; asked at each dial, so they may change while the node runs. Omitted: the authorities
   *  that Node trusts, and no certificate of its own. */
  readonly tls?: (() => PeerTls) | undefined
  /** Where the witness lives: a directory that does not outlive the operating system's boot. Default: the first that can be
   *  written of $XDG_RUNTIME_DIR, /run/tallymesh and /dev/shm. `false`: none; then every start takes a fresh replica id. */
  readonly runtimeDir?: string | false
  /** Opens a damaged directory, keeps what can be read and fetches the rest from the peers. Default false: refuse. */
  readonly repair?: boolean
  /** The version of batches that this node writes, 1 or 2. Default 1. 2 takes a byte less for each counter that was never
   *  decremented. Set it only once every node of the room runs a release that reads it (0.2 and later): an older one refuses what
   *  it cannot read, and lags behind until it is upgraded. */
  readonly batchVersion?: BatchVersion
  /** Between heartbeats, in ms, 10 to 60,000. Default 500. A silent peer is suspected after about three. */
  readonly heartbeatMs?: number
  /** Between comparisons of clocks with a peer that differs, in ms, 10 to 600,000. Default 2,000. */
  readonly antiEntropyMs?: number
  /** How long `replicas` may take to be confirmed unless the call says otherwise, in ms, 1 to 600,000. Default 5,000. */
  readonly replicasTimeoutMs?: number
  /** How long after an operation was first known its retries are recognized, at least, in ms, 100 to 86,400,000. Default
   *  600,000: ten minutes. The same on every node of a room. */
  readonly retryWindowMs?: number
  /** Operations that may be open, 1 to 10,000,000; past that new ones are refused. And how many are remembered in all: past that settled
   *  ones whose ids carry a time are forgotten before their window is over, and late retries of them refused. Default 500,000, about 200
   *  bytes each. */
  readonly operationsMax?: number
  /** For how long nobody counts under a replica id, as after a reboot or a removal, before its counts are folded into another, in ms, 0
   *  to 86,400,000. Default 60,000. */
  readonly foldAfterMs?: number
  /** For how long what was folded is remembered, in ms, 0 to 2,592,000,000: counts of that id that turn up on a disk which was away still
   *  count then, and are refused later. Default 86,400,000: a day. */
  readonly foldGraceMs?: number
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

/** Where a node is reached whose server is the caller's. */
export interface AdvertiseOptions {
  /** What others dial to reach this node, `ws://host:port` or `wss://host:port`; 8 at most. */
  readonly advertise: readonly string[]
  /** As in `ListenOptions`. */
  readonly origins?: readonly string[]
  readonly host?: undefined
  readonly port?: undefined
}

/** What no option sets: other values are for tests. */
export interface Internals {
  readonly resolve?: ResolveName
  readonly resolveMs?: number
  readonly doorClientsMax?: number
  readonly updateBytesMax?: number
  readonly commitEntriesMax?: number
  readonly removedKeptMax?: number
}

/** Options, checked once and completed. */
export interface Settings extends Internals {
  readonly name: string
  readonly dataDir: string
  readonly room: string
  /** A port to open. */
  readonly listen: { readonly host: string; readonly port: number } | undefined
  /** Whether links and door clients are taken, on this node's port or by `handleUpgrade`. */
  readonly reachable: boolean
  readonly origins: readonly string[]
  readonly advertise: readonly string[] | undefined
  readonly peers: readonly string[]
  readonly token: TokenPolicy | undefined
  readonly tls: (() => PeerTls) | undefined
  readonly runtimeDir: string | false | undefined
  readonly repair: boolean
  readonly batchVersion: BatchVersion
  readonly heartbeatMs: number
  readonly antiEntropyMs: number
  readonly replicasTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly retryWindowMs: number
  readonly operationsMax: number
  readonly foldAfterMs: number
  readonly foldGraceMs: number
}

const KNOWN = new Set([
  ...['name', 'dataDir', 'room', 'listen', 'peers', 'token', 'tls', 'runtimeDir', 'repair', 'batchVersion'],
  ...['heartbeatMs', 'antiEntropyMs', 'replicasTimeoutMs', 'closeTimeoutMs', 'retryWindowMs', 'operationsMax'],
  ...['foldAfterMs', 'foldGraceMs'],
])
const KNOWN_LISTEN = new Set(['host', 'port', 'advertise', 'origins'])

/** Checks the options, in words. @throws TallymeshError INVALID_OPTION, INVALID_NAME or INVALID_URL */
export function checkOptions(options: NodeOptions): Settings {
  if (typeof options !== 'object' || options === null) throw invalid('openNode takes an object of options')
  checkKnown('openNode', options, KNOWN)
  const { dataDir, listen, runtimeDir } = options
  if (typeof dataDir !== 'string' || dataDir === '' || dataDir.includes('\0')) {
    throw invalid(`dataDir must be the path of a directory, got ${show(dataDir)}`)
  }
  if (runtimeDir !== undefined && runtimeDir !== false && (typeof runtimeDir !== 'string' || runtimeDir === '')) {
    throw invalid('runtimeDir must be the path of a directory, or false')
  }
  return {
    name: checkName('node name', options.name),
    dataDir: resolve(dataDir),
    room: checkName('room name', options.room ?? 'default'),
    ...checkListen(listen),
    reachable: listen !== undefined,
    peers: checkPeers(options.peers ?? []),
    token: checkTokenOption(options.token),
    tls: checkTls(options.tls),
    runtimeDir,
    repair: checkFlag('repair', options.repair ?? false),
    batchVersion: checkInteger('batchVersion', options.batchVersion ?? 1, 1, 2) as BatchVersion,
    heartbeatMs: checkInteger('heartbeatMs', options.heartbeatMs ?? 500, 10, 60_000),
    antiEntropyMs: checkInteger('antiEntropyMs', options.antiEntropyMs ?? 2_000, 10, 600_000),
    replicasTimeoutMs: checkInteger('replicasTimeoutMs', options.replicasTimeoutMs ?? 5_000, 1, 600_000),
    retryWindowMs: checkInteger('retryWindowMs', options.retryWindowMs ?? 600_000, 100, 86_400_000),
    operationsMax: checkInteger('operationsMax', options.operationsMax ?? 500_000, 1, 10_000_000),
    foldAfterMs: checkInteger('foldAfterMs', options.foldAfterMs ?? 60_000, 0, 86_400_000),
    foldGraceMs: checkInteger('foldGraceMs', options.foldGraceMs ?? 86_400_000, 0, 2_592_000_000),
    closeTimeoutMs: checkInteger('closeTimeoutMs', options.closeTimeoutMs ?? 2_000, 0, 600_000),
  }
}

/** @throws TallymeshError INVALID_OPTION */
export function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`${option} must be an integer from ${min} to ${max}, got ${show(value)}`)
}

function checkListen(options: NodeOptions['listen']): Pick<Settings, 'listen' | 'origins' | 'advertise'> {
  if (options === undefined) return { listen: undefined, origins: [], advertise: undefined }
  if (typeof options !== 'object' || options === null) throw invalid('listen must be an object with a port')
  checkKnown('listen', options, KNOWN_LISTEN)
  const { host, port, origins = [], advertise } = options
  if (!Array.isArray(origins) || origins.some(origin => typeof origin !== 'string')) {
    throw invalid('listen.origins must be a list of origins such as https://example.org')
  }
  const urls = advertise === undefined ? undefined : checkAdvertise(advertise)
  if (port === undefined && host === undefined && urls !== undefined) {
    return { listen: undefined, origins, advertise: urls }
  }
  return { listen: checkAddress(host, port), origins, advertise: urls }
}

function checkAddress(host: unknown = '127.0.0.1', port?: unknown): { host: string; port: number } {
  if (typeof host !== 'string' || host === '') throw invalid('listen.host must be a host name or address')
  return { host, port: checkInteger('listen.port', port, 0, 65_535) }
}

function checkAdvertise(urls: readonly string[]): string[] {
  if (!Array.isArray(urls) || urls.length > HELLO_URLS_MAX) {
    throw invalid(`listen.advertise must be a list of at most ${HELLO_URLS_MAX} addresses such as ws://10.0.0.1:7001`)
  }
  return urls.map(url => parsePeerUrl(String(url)))
}

function checkPeers(peers: readonly string[]): string[] {
  if (!Array.isArray(peers)) throw invalid('peers must be a list of addresses such as ws://127.0.0.1:7002')
  return [...new Set(peers.map(peer => checkPeer(String(peer))))]
}

function checkPeer(peer: string): string {
  const seed = parseDnsSeed(peer)
  return seed === undefined ? parsePeerUrl(peer) : `dns:${seed.name}:${seed.port}`
}

function checkTls(tls: unknown): Settings['tls'] {
  if (tls === undefined || typeof tls === 'function') return tls as Settings['tls']
  throw invalid('tls must be a function that answers { ca, cert, key }')
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
