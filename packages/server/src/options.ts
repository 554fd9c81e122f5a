import { TallymeshError } from '@tallymesh/crdt'
import type { Logger } from 'pino'
import type { TallymeshNode } from 'tallymesh'
import { INTEGERS } from './integers.js'
import { isLoopback } from './security/loopback.js'
import type { TlsFiles } from './security/tls-files.js'
import type { Tokens } from './security/tokens.js'

/** How a server is started. The node's own options mean what they mean in `openNode`. */
export interface ServerOptions {
  /** The node's name in the room. */
  readonly name: string
  readonly dataDir: string
  readonly room?: string | undefined
  /** One port for HTTP, peers and y-websocket clients. Port 0 takes a free one. Without tokens only a loopback host may be
   *  listened on. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What others dial to reach this node. Default: the listening address, unless it is a wildcard. */
  readonly advertise?: readonly string[] | undefined
  readonly peers?: readonly string[] | undefined
  /** Origins whose pages may use the API and open the y-websocket door from a browser. Default none. */
  readonly origins?: readonly string[] | undefined
  /** Who may do what. Omitted: everybody everything. */
  readonly tokens?: Tokens | undefined
  /** The token that this node shows to whom it dials. Default: what `tokens.own` says at each dial. */
  readonly dialToken?: string | undefined
  /** Makes the port speak TLS alone. With a `ca`, peers must show a certificate that it signed. */
  readonly tls?: TlsFiles | undefined
  readonly runtimeDir?: string | false | undefined
  readonly repair?: boolean | undefined
  readonly batchVersion?: number | undefined
  readonly heartbeatMs?: number | undefined
  readonly antiEntropyMs?: number | undefined
  readonly replicasTimeoutMs?: number | undefined
  readonly closeTimeoutMs?: number | undefined
  readonly retryWindowMs?: number | undefined
  readonly operationsMax?: number | undefined
  readonly foldAfterMs?: number | undefined
  readonly foldGraceMs?: number | undefined
  /** How long `drain` keeps serving while the balancer notices, in ms, 0 to 600,000. Default 5,000. */
  readonly drainMs?: number | undefined
  /** How long `leave` waits, after the drain, until every other member holds what this node knows, in ms, 1 to 600,000. Default 30,000. */
  readonly leaveTimeoutMs?: number | undefined
  /** How long `close` waits for requests in flight before it cuts them, in ms, 0 to 600,000. Default 10,000. */
  readonly shutdownTimeoutMs?: number | undefined
  /** How long a read with `Tallymesh-After` waits, in ms, 0 to 600,000. Default 2,000. */
  readonly afterTimeoutMs?: number | undefined
  /** Not ready while this node lacks more batches than this that its peers hold, 0 to 2^53 − 1. Default 10,000. */
  readonly readyBehindMax?: number | undefined
  /** How long a node that opens is not ready while it catches up with its peers, in ms, 0 to 600,000. Default 5,000. */
  readonly joinTimeoutMs?: number | undefined
  /** Requests a second that one token, or where there are none one address, may send, 1 to 10,000,000. Default: no limit. */
  readonly rateLimit?: number | undefined
  /** Default 1 MiB, 1 KiB to 64 MiB. */
  readonly bodyBytesMax?: number | undefined
  /** Default 256 MiB, 1 KiB to 64 GiB. The body is kept in a file of the temporary directory while it is checked. */
  readonly importBytesMax?: number | undefined
  /** Connections of all kinds at a time, 1 to 1,000,000. Default 1,024. */
  readonly connectionsMax?: number | undefined
  /** Watchers at a time, 0 to 1,000,000. Default 1,000. */
  readonly watchersMax?: number | undefined
  /** How long a watcher may leave an event unread before it is cut off, in ms, 10 to 600,000. Default 10,000. */
  readonly watchStallMs?: number | undefined
  /** How long a client may take to send the head of a request, in ms, 10 to 600,000. Default 10,000. */
  readonly headersTimeoutMs?: number | undefined
  /** How long a client may take to send a body, in ms, 10 to 600,000. Default 15,000. An import has five minutes. */
  readonly bodyTimeoutMs?: number | undefined
  /** Only counters whose keys start so are shown at /metrics, unless the request names another prefix. Default: all. */
  readonly metricsPrefix?: string | undefined
  /** Counters shown at /metrics, at most, 0 to 1,000,000. Default 10,000. */
  readonly metricsCountersMax?: number | undefined
  /** Default: a silent one. */
  readonly logger?: Logger | undefined
  /** Called once the port is open, before the node is: health is answered from here on. */
  readonly onListening?: ((url: string) => void) | undefined
  /** Called with the node as soon as it is open: who listens to its events from here on misses none, also not what opening
   *  found wrong. */
  readonly onNode?: ((node: TallymeshNode) => void) | undefined
  /** Called once the node begins to leave the room for good, also where that was asked for over HTTP, with what `leave` answers: the
   *  server closes after that. */
  readonly onLeaving?: ((leaving: Promise<void>) => void) | undefined
}

/** The limits of a server, checked and completed. */
export type Limits = { readonly [Option in keyof typeof INTEGERS]: number } & {
  readonly rateLimit: number | undefined
  readonly metricsPrefix: string
}

/** Checks what concerns the server itself; `openNode` checks the rest. @throws TallymeshError INVALID_OPTION */
export function checkLimits(options: ServerOptions): Limits {
  const { rateLimit, metricsPrefix = '' } = options
  if (typeof metricsPrefix !== 'string') throw invalid('metricsPrefix must be a text')
  const numbers = Object.entries(INTEGERS).map(([option, [fallback, min, max]]) => {
    const value = options[option as keyof typeof INTEGERS] ?? fallback
    return [option, checkInteger(option, value, min, max)]
  })
  return {
    ...(Object.fromEntries(numbers) as { [Option in keyof typeof INTEGERS]: number }),
    rateLimit: rateLimit === undefined ? undefined : checkInteger('rateLimit', rateLimit, 1, 10_000_000),
    metricsPrefix,
  }
}

/** Without tokens whoever reaches the port may count and remove: then only this machine may reach it.
 *  @throws TallymeshError INVALID_OPTION */
export function checkListen({ listen, tokens }: ServerOptions): void {
  if (typeof listen !== 'object' || listen === null || typeof listen.host !== 'string' || listen.host === '') {
    throw invalid('listen must be { host, port }, such as { host: "127.0.0.1", port: 7001 }')
  }
  checkInteger('listen.port', listen.port, 0, 65_535)
  if ((tokens !== undefined && tokens.size > 0) || isLoopback(listen.host)) return
  throw invalid(
    `without tokens only this machine may reach the port, and ${listen.host} is not loopback: listen on 127.0.0.1, or give tokens (a tokens file, TALLYMESH_TOKENS or TALLYMESH_TOKEN)`,
  )
}

function checkInteger(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`${option} must be an integer from ${min} to ${max}, got ${String(value)}`)
}

function invalid(message: string): TallymeshError {
  return new TallymeshError('INVALID_OPTION', message)
}
