import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import type { BalancerKind } from './balancer-files.js'
import type { PortUse } from './free-ports.js'
import type { NodeSpec, SupervisorLimits } from './supervisor-options.js'

export interface ClusterOptions {
  /** 1 to 16; 3 by default. */
  readonly nodes?: number
  /** Each node's data lies below it, by the node's name; a second start goes on with it. Made if missing. */
  readonly data: string
  readonly lb?: BalancerKind | undefined
  /** The balancer's port; node i of n listens on port + i. 7000 by default. */
  readonly port?: number
  /** A loopback address; 127.0.0.1 by default. */
  readonly host?: string
  readonly room?: string | undefined
  /** Ends by itself after so long. */
  readonly seconds?: number | undefined
  /** Prints events as JSON, one a line, in place of sentences. */
  readonly json?: boolean
  readonly restartsMax?: number
  readonly restartWindowMs?: number
  /** How long a node may take to drain and close before it is killed, in ms; 15,000 by default. */
  readonly stopGraceMs?: number
  /** Further flags for each `tallymesh start`. */
  readonly flags?: readonly string[]
  /** What is shown to the nodes to ask for their members; `TALLYMESH_TOKEN` by default. */
  readonly token?: string | undefined
  /** Takes each line of output; standard output by default. */
  readonly print?: (line: string) => void
  readonly limits?: Partial<SupervisorLimits>
}

export interface ClusterPlan {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly specs: readonly NodeSpec[]
  readonly ports: readonly PortUse[]
}

/** Of the surrounding shell; what they say would be the same for every node. */
const OWN_VARIABLES = ['NAME', 'DATA', 'LISTEN', 'PEERS', 'ADVERTISE'].map(name => `TALLYMESH_${name}`)
/** Flags that the plan gives each node itself: one value for all would make them share a name, a directory or a port. */
const OWN_FLAGS = ['--name', '--data', '--listen', '--advertise']
/** Enough for HAProxy to see that a node is not ready: it asks every 200 ms. */
const DRAIN_MS = 500
const NODES_MAX = 16
const PORT_MAX = 65_535
export const STOP_GRACE_MS = 15_000

/** Checks the options, and says which node runs where. Makes the data directory.
 *  @throws TallymeshError INVALID_OPTION, STORE_UNUSABLE */
export function planCluster(options: ClusterOptions): ClusterPlan {
  const { host = '127.0.0.1', lb, room, flags = [] } = options
  const count = checkInteger('--nodes', options.nodes ?? 3, 1, NODES_MAX)
  const port = checkInteger('--port', options.port ?? 7000, 1, PORT_MAX - count)
  if (options.seconds !== undefined) checkInteger('--seconds', options.seconds, 1, 1_000_000)
  if (options.restartsMax !== undefined) checkInteger('--restarts-max', options.restartsMax, 1, 1_000_000)
  if (options.restartWindowMs !== undefined) {
    checkInteger('--restart-window-ms', options.restartWindowMs, 1_000, 86_400_000)
  }
  if (!/^127(\.\d{1,3}){3}$/.test(host)) {
    throw refuse(`--host must be a loopback address such as 127.0.0.1, got ${host}: a cluster is for one machine`)
  }
  const own = flags.find(flag => OWN_FLAGS.includes(flag.split('=', 1)[0] ?? ''))
  if (own !== undefined) {
    throw refuse(`${own.split('=', 1)[0]} after -- cannot be one for all nodes: the cluster gives each node its own`)
  }
  const data = resolve(options.data)
  const names = Array.from({ length: count }, (_, i) => ({ name: `node-${i + 1}`, port: port + 1 + i }))
  const specs = names.map(({ name, port }) => ({
    name,
    host,
    port,
    dataDir: join(data, name),
    peers: names.filter(other => other.name !== name).map(other => `ws://${host}:${other.port}`),
    flags: ['--drain-ms', `${DRAIN_MS}`, ...(room === undefined ? [] : ['--room', room]), ...flags],
    env: Object.fromEntries(OWN_VARIABLES.map(name => [name, undefined])),
  }))
  makeDirectory(data)
  const ports = specs.map(({ name, port }) => ({ what: name, port }))
  return { host, port, data, specs, ports: lb === undefined ? ports : [{ what: lb, port }, ...ports] }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    const reason = `the data directory ${path} cannot be made: ${(cause as Error).message}`
    throw new TallymeshError('STORE_UNUSABLE', reason, { cause })
  }
}

function checkInteger(flag: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw refuse(`${flag} must be an integer from ${min} to ${max}, got ${value}`)
}

function refuse(message: string): TallymeshError {
  return new TallymeshError('INVALID_OPTION', message)
}
