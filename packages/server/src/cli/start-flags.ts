import { INTEGERS } from '../integers.js'
import { defaulted, type Flag, list, optional, toggle, type Wording } from './flag.js'
import { advertisedAddress, choice, file, integer, listenAddress, peerAddress, text, webOrigin } from './flag-kind.js'

const ROOM = 'Node and room'
const SECURITY = 'Security'
const DURABILITY = 'Durability and identity'
const TIMES = 'Times'
const LIMITS = 'Limits'
const LOGS = 'Logs and metrics'

/** A setting whose range and default are the server's. */
function limit(name: keyof typeof INTEGERS, placeholder: string, wording: Wording): Flag<number> {
  const [fallback, min, max] = INTEGERS[name]
  return defaulted(integer(placeholder, min, max), String(fallback), wording)
}

/** The settings of `tallymesh start`. */
export const START_FLAGS = {
  name: optional(text('NAME', 256), {
    meaning: 'name of this node in the room (required)',
    group: ROOM,
    env: 'TALLYMESH_NAME',
  }),
  data: optional(file('DIR'), {
    meaning: 'its own data directory, made if it is missing (required)',
    group: ROOM,
    env: 'TALLYMESH_DATA',
  }),
  room: defaulted(text('NAME', 256), 'default', {
    meaning: 'the room whose counters it shares',
    group: ROOM,
    env: 'TALLYMESH_ROOM',
  }),
  listen: defaulted(listenAddress, '127.0.0.1:7001', {
    meaning: 'where it listens, for programs and for other nodes; port 0 takes a free one',
    group: ROOM,
    env: 'TALLYMESH_LISTEN',
  }),
  peer: list(peerAddress, {
    meaning: 'address of another node, or of several under a DNS name; the rest of the room is learned',
    group: ROOM,
    env: 'TALLYMESH_PEERS',
  }),
  advertise: list(advertisedAddress, {
    meaning:
      'what other nodes dial to reach this one, or none; left away: the address it listens on, unless that is a wildcard',
    group: ROOM,
    env: 'TALLYMESH_ADVERTISE',
  }),
  config: optional(file(), {
    meaning: 'JSON file of settings, named as these flags in camelCase',
    group: ROOM,
    env: 'TALLYMESH_CONFIG',
  }),
  tokensFile: optional(file(), {
    meaning: 'file of tokens with their scopes, one a line; SIGHUP reads it again',
    group: SECURITY,
    env: 'TALLYMESH_TOKENS_FILE',
  }),
  tlsCert: optional(file(), {
    meaning: 'PEM certificate of this node; TLS for everything; SIGHUP reads it again',
    group: SECURITY,
    env: 'TALLYMESH_TLS_CERT',
  }),
  tlsKey: optional(file(), {
    meaning: 'PEM private key of that certificate',
    group: SECURITY,
    env: 'TALLYMESH_TLS_KEY',
  }),
  tlsCa: optional(file(), {
    meaning: 'PEM certificates that peers must be signed by (mutual TLS)',
    group: SECURITY,
    env: 'TALLYMESH_TLS_CA',
  }),
  origin: list(webOrigin, {
    meaning: 'origin of web pages that may use this server',
    group: SECURITY,
    env: 'TALLYMESH_ORIGINS',
  }),
  runtimeDir: optional(file('DIR'), {
    meaning:
      'where the witness lives: a directory that does not outlive the boot; left away: $XDG_RUNTIME_DIR, /run/tallymesh or /dev/shm',
    group: DURABILITY,
    env: 'TALLYMESH_RUNTIME_DIR',
  }),
  noWitness: toggle({
    meaning: 'keep no witness; every start takes a fresh replica id',
    group: DURABILITY,
    env: 'TALLYMESH_NO_WITNESS',
  }),
  repair: toggle({
    meaning: 'open a damaged directory with what can be read; peers send the rest',
    group: DURABILITY,
    env: 'TALLYMESH_REPAIR',
  }),
  batchVersion: defaulted(integer('VERSION', 1, 2), '1', {
    meaning: 'version of batches that it writes; 2 only once every node of the room runs a release that reads it',
    group: DURABILITY,
    env: 'TALLYMESH_BATCH_VERSION',
  }),
  drainMs: limit('drainMs', 'MS', {
    meaning: 'how long it serves on after SIGTERM, not ready, before it closes',
    group: TIMES,
    env: 'TALLYMESH_DRAIN_MS',
  }),
  leaveOnSigterm: toggle({
    meaning:
      'leave the room for good at SIGTERM and SIGINT, for nodes that are started for a while: see leave. Never for a node that is to come back with its directory',
    group: ROOM,
    env: 'TALLYMESH_LEAVE_ON_SIGTERM',
  }),
  leaveTimeoutMs: limit('leaveTimeoutMs', 'MS', {
    meaning: 'how long the other members may take, after the drain, to hold what a node that leaves knows',
    group: TIMES,
    env: 'TALLYMESH_LEAVE_TIMEOUT_MS',
  }),
  shutdownTimeoutMs: limit('shutdownTimeoutMs', 'MS', {
    meaning:
      'how long requests under way may take after the drain, before they are cut; a stop that takes 1 s longer than this and --close-timeout-ms ends with exit code 1',
    group: TIMES,
    env: 'TALLYMESH_SHUTDOWN_TIMEOUT_MS',
  }),
  heartbeatMs: defaulted(integer('MS', 10, 60_000), '500', {
    meaning: 'between heartbeats to peers; a silent one is suspected after about three',
    group: TIMES,
    env: 'TALLYMESH_HEARTBEAT_MS',
  }),
  antiEntropyMs: defaulted(integer('MS', 10, 600_000), '2000', {
    meaning: 'between comparisons with a peer that differs',
    group: TIMES,
    env: 'TALLYMESH_ANTI_ENTROPY_MS',
  }),
  replicasTimeoutMs: defaulted(integer('MS', 1, 600_000), '5000', {
    meaning: 'how long replicas may take to confirm an add, unless it says otherwise',
    group: TIMES,
    env: 'TALLYMESH_REPLICAS_TIMEOUT_MS',
  }),
  retryWindowMs: defaulted(integer('MS', 100, 86_400_000), '600000', {
    meaning: 'how long retries with an Idempotency-Key are recognized, at least; the same on every node of the room',
    group: TIMES,
    env: 'TALLYMESH_RETRY_WINDOW_MS',
  }),
  foldAfterMs: defaulted(integer('MS', 0, 86_400_000), '60000', {
    meaning:
      'how long nobody counts under a replica id, as after a reboot, before its counts are folded into another one',
    group: TIMES,
    env: 'TALLYMESH_FOLD_AFTER_MS',
  }),
  foldGraceMs: defaulted(integer('MS', 0, 2_592_000_000), '86400000', {
    meaning: 'how long counts of a folded id that turn up late, as on a disk that was away, still count',
    group: TIMES,
    env: 'TALLYMESH_FOLD_GRACE_MS',
  }),
  operationsMax: defaulted(integer('N', 1, 10_000_000), '500000', {
    meaning:
      'adds with an Idempotency-Key that may wait to be settled, and that are remembered; past that new ones are refused, and old ones forgotten early',
    group: LIMITS,
    env: 'TALLYMESH_OPERATIONS_MAX',
  }),
  closeTimeoutMs: defaulted(integer('MS', 0, 600_000), '2000', {
    meaning: 'how long peers may take to confirm what they lack when it closes',
    group: TIMES,
    env: 'TALLYMESH_CLOSE_TIMEOUT_MS',
  }),
  afterTimeoutMs: limit('afterTimeoutMs', 'MS', {
    meaning: 'how long a read waits for what Tallymesh-After asks',
    group: TIMES,
    env: 'TALLYMESH_AFTER_TIMEOUT_MS',
  }),
  joinTimeoutMs: limit('joinTimeoutMs', 'MS', {
    meaning: 'how long it is not ready while it catches up after the start, at most',
    group: TIMES,
    env: 'TALLYMESH_JOIN_TIMEOUT_MS',
  }),
  headersTimeoutMs: limit('headersTimeoutMs', 'MS', {
    meaning: 'how long a client may take to send the head of a request',
    group: TIMES,
    env: 'TALLYMESH_HEADERS_TIMEOUT_MS',
  }),
  bodyTimeoutMs: limit('bodyTimeoutMs', 'MS', {
    meaning: 'how long a client may take to send a body; an import has five minutes',
    group: TIMES,
    env: 'TALLYMESH_BODY_TIMEOUT_MS',
  }),
  watchStallMs: limit('watchStallMs', 'MS', {
    meaning: 'a watcher that reads nothing for so long is cut off',
    group: TIMES,
    env: 'TALLYMESH_WATCH_STALL_MS',
  }),
  readyBehindMax: limit('readyBehindMax', 'N', {
    meaning: 'not ready while it lacks more batches than this that linked peers hold',
    group: LIMITS,
    env: 'TALLYMESH_READY_BEHIND_MAX',
  }),
  rateLimit: optional(integer('N', 1, 10_000_000), {
    meaning: 'requests a second for each token (without tokens: each address); left away: none',
    group: LIMITS,
    env: 'TALLYMESH_RATE_LIMIT',
  }),
  bodyBytesMax: limit('bodyBytesMax', 'BYTES', {
    meaning: 'longest body of a request',
    group: LIMITS,
    env: 'TALLYMESH_BODY_BYTES_MAX',
  }),
  importBytesMax: limit('importBytesMax', 'BYTES', {
    meaning: 'longest import',
    group: LIMITS,
    env: 'TALLYMESH_IMPORT_BYTES_MAX',
  }),
  connectionsMax: limit('connectionsMax', 'N', {
    meaning: 'most connections at once',
    group: LIMITS,
    env: 'TALLYMESH_CONNECTIONS_MAX',
  }),
  watchersMax: limit('watchersMax', 'N', {
    meaning: 'most watchers at once',
    group: LIMITS,
    env: 'TALLYMESH_WATCHERS_MAX',
  }),
  metricsPrefix: optional(text('PREFIX', 256), {
    meaning: 'only counters that start so are in /metrics; left away: all',
    group: LOGS,
    env: 'TALLYMESH_METRICS_PREFIX',
  }),
  metricsCountersMax: limit('metricsCountersMax', 'N', {
    meaning: 'most counters in /metrics',
    group: LOGS,
    env: 'TALLYMESH_METRICS_COUNTERS_MAX',
  }),
  logLevel: defaulted(choice('LEVEL', ['debug', 'info', 'warn', 'error', 'silent']), 'info', {
    meaning: 'least level that is logged',
    group: LOGS,
    env: 'TALLYMESH_LOG_LEVEL',
  }),
  logFormat: defaulted(choice('FORMAT', ['auto', 'pretty', 'json']), 'auto', {
    meaning: 'how the log on stdout looks; auto: pretty on a terminal, else json',
    group: LOGS,
    env: 'TALLYMESH_LOG_FORMAT',
  }),
} as const
