import { command } from './command.js'
import { usageError } from './exit-code.js'
import { defaulted, optional, toggle } from './flag.js'
import { choice, file, integer, text } from './flag-kind.js'

/** `tallymesh cluster` */
export const cluster = command({
  name: 'cluster',
  summary: 'run and supervise a room on this machine',
  details:
    'Starts the nodes, and where asked a balancer over them; restarts what ends, kills and restarts what hangs, and says what it saw and did. SIGTERM or SIGINT ends all, a second one at once; SIGHUP restarts one node after another. What follows -- is handed to each node.',
  operands: [
    { name: 'FLAG', meaning: 'after --: further flags of start for each node', required: false, repeat: true },
  ],
  flags: {
    data: optional(file('DIR'), { meaning: 'a directory for the data and logs of all nodes (required)' }),
    nodes: defaulted(integer('N', 1, 16), '3', { meaning: 'how many nodes' }),
    lb: optional(choice('BALANCER', ['haproxy', 'nginx']), {
      meaning: 'balancer over the nodes; it must be installed',
    }),
    port: defaulted(integer('PORT', 1, 65_519), '7000', {
      meaning: "the balancer's port; the nodes listen on those that follow",
    }),
    host: defaulted(text('ADDRESS', 64), '127.0.0.1', { meaning: 'loopback address to listen on' }),
    room: defaulted(text('NAME', 256), 'default', { meaning: 'the room of the nodes' }),
    seconds: optional(integer('S', 1, 1_000_000), { meaning: 'end by itself after so long' }),
    restartsMax: defaulted(integer('N', 1, 1_000_000), '10', {
      meaning:
        'a node is given up at its Nth quick end (ready for less than 10 s) within --restart-window-ms; at its first, where its settings or its data directory are refused',
    }),
    restartWindowMs: defaulted(integer('MS', 1_000, 86_400_000), '60000', { meaning: 'see --restarts-max' }),
    stopGraceMs: defaulted(integer('MS', 0, 600_000), '15000', {
      meaning: 'how long a node may take to drain and close before it is killed',
    }),
    json: toggle({ meaning: 'print events as JSON, one a line' }),
  },
  examples: [
    ['tallymesh cluster --data ./data --lb haproxy', 'three nodes behind HAProxy on http://127.0.0.1:7000'],
    ['tallymesh cluster --data ./data --nodes 5 -- --drain-ms 500 --log-level debug', 'five, with flags of start'],
  ],
  async run(values, flags, { printer }) {
    const { data, ...options } = values
    if (data === undefined) throw usageError('--data must name a directory for the data of all nodes')
    if (flags.length > 0 && !flags[0]?.startsWith('--')) {
      throw usageError(`${JSON.stringify(flags[0])} is not expected; flags for the nodes follow after --`)
    }
    // The cluster ends its nodes itself when nobody reads what it says.
    printer.handOver()
    const { runCluster } = await import('../cluster/run-cluster.js')
    return runCluster({ ...options, data, flags })
  },
})
