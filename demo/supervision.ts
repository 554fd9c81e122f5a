import { join } from 'node:path'
import { describeEvent, type Guard, type NodeSpec, Supervisor, type SupervisorEvent } from '@tallymesh/server'
import type { Journal } from './journal.js'
import type { Partition } from './partition.js'

export interface SupervisionOptions {
  /** Everything of the demo lies below this directory. */
  readonly directory: string
  readonly ports: ReadonlyMap<string, number>
  readonly partition: Partition
  readonly journal: Journal
  readonly guard: Guard
}

const HOST = '127.0.0.1'
/** Ends are made on purpose here: whoever was ready for a moment is started again soon, and nobody is given up. */
const LIMITS = { steadyMs: 1_000, restartsMax: 50 }

/** What nodes say of every fault here, several times: of peers, only who is down is worth a line. */
const DAILY = /^(?:NOT_REPLICATED|LINK_FAILED)|is suspect$/

/** The supervisor of the shop's nodes, each a `tallymesh start`; what it sees and does goes into the journal. */
export function superviseNodes(options: SupervisionOptions): Supervisor {
  const { directory, journal, guard } = options
  const nodes = [...options.ports].map(([name, port]) => nodeSpec(options, name, port))
  const supervisor = new Supervisor({ nodes, logDir: directory, guard, limits: LIMITS })
  supervisor.on('event', event => {
    const text = newsOf(event)
    if (text !== undefined) journal.add(text)
  })
  return supervisor
}

function nodeSpec({ directory, partition }: SupervisionOptions, name: string, port: number): NodeSpec {
  const times = ['--heartbeat-ms', '200', '--anti-entropy-ms', '1000', '--join-timeout-ms', '2000']
  const ends = ['--drain-ms', '300', '--close-timeout-ms', '1000']
  // A directory of the demo's own, so that nothing stays in the machine's; and no address, so that every link goes through the
  // cables that the demo can cut.
  const places = ['--runtime-dir', join(directory, 'runtime'), '--advertise', 'none']
  const settings = Object.keys(process.env).filter(variable => variable.startsWith('TALLYMESH_'))
  return {
    ...{ name, host: HOST, port, dataDir: join(directory, name), peers: partition.seedsOf(name) },
    flags: ['--room', 'shop', '--log-format', 'json', ...places, ...times, ...ends],
    // What a developer's shell says is meant for other nodes.
    env: Object.fromEntries(settings.map(variable => [variable, undefined])),
  }
}

/** The event as a line for the audience; undefined where it is not worth one. */
export function newsOf(event: SupervisorEvent): string | undefined {
  switch (event.type) {
    case 'started':
    case 'stopped':
    case 'draining':
      return undefined
    case 'ready':
      return event.awayMs === undefined ? undefined : describeEvent(event)
    case 'restarting':
      return event.quickEnds > 1 ? describeEvent(event) : undefined
    case 'said':
      return DAILY.test(event.text) ? undefined : `${event.node}: ${event.text}`
    default:
      return describeEvent(event)
  }
}
