import { plural } from '../plural.js'
import type { BalancerKind } from './balancer-files.js'
import type { SupervisedNode } from './supervised-node.js'
import { describe, isError, type SupervisorEvent } from './supervisor-event.js'

const NAMES: Readonly<Record<BalancerKind, string>> = { haproxy: 'HAProxy', nginx: 'NGINX' }

export interface ClusterView {
  readonly nodes: readonly SupervisedNode[]
  readonly data: string
  readonly host: string
  readonly port: number
  readonly lb: BalancerKind | undefined
}

/** What an operator needs to know once all is up. */
export function startScreen({ nodes, data, host, port, lb }: ClusterView): string[] {
  const first = nodes.find(({ phase }) => phase !== 'given up')
  const url = lb === undefined ? `http://${host}:${first?.spec.port}` : `http://${host}:${port}`
  const victim = nodes.find(({ pid }) => pid !== undefined)
  const width = Math.max(...nodes.map(({ name }) => name.length), lb?.length ?? 0)
  return [
    '',
    `A room of ${plural(nodes.length, 'node')}, data and logs in ${data}`,
    ...nodes.map(node => {
      const { name, spec, pid, phase } = node
      return `  ${name.padEnd(width)}  http://${spec.host}:${spec.port}  ${phase}, process ${pid ?? '-'}`
    }),
    ...(lb === undefined ? [] : [`  ${lb.padEnd(width)}  ${url}  ${NAMES[lb]} before all of them`]),
    '',
    'Try:',
    `  curl -X POST ${url}/v1/counters/orders -H 'content-type: application/json' -d '{"add": 1}'`,
    `  curl ${url}/v1/counters/orders`,
    `  curl -N ${url}/v1/counters/orders/watch`,
    `  curl ${url}/v1/members`,
    ...(victim === undefined ? [] : [`  kill -9 ${victim.pid}`]),
    '',
    `Ctrl-C drains and ends all; a second one ends at once. kill -HUP ${process.pid} restarts one node after another.`,
    '',
  ]
}

/** One event for people: the time of day, and a sentence. */
export function eventLine(event: SupervisorEvent): string {
  const time = new Date(event.atMs).toTimeString().slice(0, 8)
  return `${time} ${isError(event) ? 'ERROR ' : ''}${describe(event)}`
}

/** One event for programs. */
export function eventJson(event: SupervisorEvent): string {
  const { atMs, ...rest } = event
  return JSON.stringify({ at: new Date(atMs).toISOString(), level: isError(event) ? 'error' : 'info', ...rest })
}
