import { command } from './command.js'
import { strayVariables } from './flag-sources.js'
import { START_FLAGS } from './start-flags.js'

/** Read beside the settings: secrets that have no flag, because others could see it. */
const SECRET_VARIABLES = ['TALLYMESH_TOKEN', 'TALLYMESH_TOKENS']
/** Of other commands. */
const OTHER_VARIABLES = ['TALLYMESH_URL', 'TALLYMESH_TOKEN_FILE', 'TALLYMESH_TIMEOUT_MS']

/** `tallymesh start` */
export const start = command({
  name: 'start',
  summary: 'run a node of a room',
  details:
    'A setting is taken from its flag, else from its environment variable, else from the file of settings, else it has its default. Tokens also come from TALLYMESH_TOKENS (as in the file, with ; between) and TALLYMESH_TOKEN (one with every scope, shown to peers). Without tokens it listens on loopback only. Logs go to stdout. SIGTERM drains and ends, SIGINT ends without the drain, with --leave-on-sigterm both make it leave the room for good; a second one ends at once with exit code 1; SIGHUP reads tokens and certificates again.',
  operands: [],
  flags: START_FLAGS,
  examples: [
    ['tallymesh start --name a --data ./data/a', 'one node on http://127.0.0.1:7001'],
    [
      'tallymesh start --name b --data ./data/b --listen 127.0.0.1:7002 --peer ws://127.0.0.1:7001',
      'a second one on the same machine',
    ],
    [
      'tallymesh start --config /etc/tallymesh.json --tokens-file /etc/tallymesh.tokens --listen 0.0.0.0:7001 --advertise wss://10.0.0.1:7001 --tls-cert node.pem --tls-key node.key --tls-ca room-ca.pem',
      'on a network',
    ],
    [
      'TALLYMESH_NAME=$HOSTNAME TALLYMESH_DATA=/data TALLYMESH_PEERS=dns:tallymesh:7001 tallymesh start',
      'in a container',
    ],
  ],
  async run(values, _operands, { env, printer }) {
    // Loaded here, so that the other commands start without a server.
    const { serverOptions } = await import('./start-options.js')
    const options = await serverOptions(values, env)
    // A node outlives whoever reads its log.
    printer.handOver()
    const { openLogger } = await import('./logger.js')
    const { ServerRun } = await import('./server-run.js')
    const log = await openLogger({ level: values.logLevel, format: values.logFormat, node: options.name })
    for (const text of strayVariables(START_FLAGS, env, [...SECRET_VARIABLES, ...OTHER_VARIABLES])) {
      log.logger.warn({ event: 'warning' }, text)
    }
    return new ServerRun(options, log, values).run()
  },
})
