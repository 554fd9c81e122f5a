import { join } from 'node:path'
import { type BalancerKind, findBalancer, type Guard, SupervisedBalancer } from '@tallymesh/server'
import type { BalancerChoice } from './flags.js'
import { FlagError } from './flags.js'
import type { Journal } from './journal.js'
import { freePort } from './ports.js'
import { newsOf } from './supervision.js'

const HOST = '127.0.0.1'
const START_DEADLINE_MS = 30_000
const TITLES: Readonly<Record<BalancerKind, string>> = { haproxy: 'HAProxy', nginx: 'NGINX' }

/** Where customers send their requests. */
export interface Balancer {
  /** What it is, for the view. */
  readonly title: string
  /** A customer is given all of them, and begins with any. */
  readonly urls: readonly string[]
  close(): Promise<void>
}

export interface BalancerOptions {
  readonly directory: string
  /** Of the nodes, by name. */
  readonly ports: ReadonlyMap<string, number>
  readonly guard: Guard
  readonly journal: Journal
  readonly signal: AbortSignal
}

/** What to use on this machine. @throws FlagError where what was asked for is not installed */
export function chooseBalancer(choice: BalancerChoice): BalancerKind | 'client' {
  if (choice === 'client') return 'client'
  if (choice === 'auto') return (['haproxy', 'nginx'] as const).find(isInstalled) ?? 'client'
  if (!isInstalled(choice)) throw new FlagError(`--lb ${choice}: ${choice} is not installed here`)
  return choice
}

/** Resolves once requests reach the nodes through it. @throws Error after a deadline */
export async function openBalancer(chosen: BalancerKind | 'client', options: BalancerOptions): Promise<Balancer> {
  const { directory, ports, guard, journal, signal } = options
  if (chosen === 'client') {
    const urls = [...ports.values()].map(port => `http://${HOST}:${port}`)
    return { title: 'the client itself (neither HAProxy nor NGINX)', urls, close: async () => {} }
  }
  const title = TITLES[chosen]
  const port = await freePort()
  const balancer = new SupervisedBalancer({
    ...{ kind: chosen, host: HOST, port, guard },
    servers: [...ports].map(([name, port]) => ({ name, host: HOST, port })),
    directory: join(directory, chosen),
    logFile: join(directory, `${chosen}.log`),
    report: news => {
      const text = newsOf({ ...news, atMs: Date.now(), node: title })
      if (text !== undefined) journal.add(text)
    },
  })
  const close = () => balancer.stop()
  balancer.start()
  try {
    await balancer.passing(START_DEADLINE_MS, signal)
  } catch (error) {
    await close()
    throw error
  }
  return { title, urls: [`http://${HOST}:${port}`], close }
}

function isInstalled(kind: BalancerKind): boolean {
  try {
    findBalancer(kind)
    return true
  } catch {
    return false
  }
}
