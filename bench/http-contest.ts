import type { Setting } from './benchmark.js'
import { HttpChild, type Load, type Loaded } from './http-child.js'
import type { Figure } from './report.js'
import { rounds } from './rounds.js'
import { quantile } from './sample.js'

/** A load that a node's API, an empty Fastify server, and one that waits for the disk, take in turns. */
export type ContestLoad = Omit<Load, 'url' | 'durationMs'>

/** What a contest found. */
export interface Contest {
  readonly perSecond: Trio
  readonly p50: Trio
  readonly p99: Trio
  /** Processor time of the server for each request: it does not depend on how fast the load comes. */
  readonly cpu: Trio
}

type Trio = [tallymesh: Figure, fastify: Figure, synced: Figure]

const WHO = ['tallymesh', 'fastify', 'synced'] as const
type Who = (typeof WHO)[number]

/** Loads each with the same requests, each from a process of its own, and then asks the node whether it counted what it
 *  acknowledged.
 *  @param of what is sent, for the names of the figures
 *  @param perRequest how many increments a request carries
 *  @throws Error when a request failed, or when a count is missing or doubled */
export async function contest(setting: Setting, of: string, load: ContestLoad, perRequest: number): Promise<Contest> {
  const { quick, scratch } = setting
  const durationMs = quick ? 1_000 : 2_000
  const servers = { tallymesh: new HttpChild(), fastify: new HttpChild(), synced: new HttpChild() }
  const cannon = new HttpChild()
  const found: Record<Who, Array<Loaded & { cpuMs: number }>> = { tallymesh: [], fastify: [], synced: [] }
  try {
    const { runtimeDir } = scratch
    const serves = {
      tallymesh: await servers.tallymesh.ask({ type: 'tallymesh', dataDir: scratch.dir(), runtimeDir }),
      fastify: await servers.fastify.ask({ type: 'fastify' }),
      synced: await servers.synced.ask({ type: 'fastify', dataDir: scratch.dir() }),
    }
    const run = (who: Who) => async () => {
      const server = servers[who]
      const url = serves[who].url as string
      const before = (await server.ask({ type: 'cpu' })).ms as number
      const { loaded } = await cannon.ask({ type: 'load', ...load, url, durationMs })
      const { ok, failed } = loaded as Loaded
      if (failed > 0 || ok === 0) throw new Error(`${failed} requests to ${who} failed, ${ok} did not`)
      const cpuMs = ((await server.ask({ type: 'cpu' })).ms as number) - before
      found[who].push({ ...(loaded as Loaded), cpuMs })
      return (ok * perRequest * 1000) / (loaded as Loaded).durationMs
    }
    const names = {
      tallymesh: `tallymesh, ${of}`,
      fastify: `an empty Fastify route, ${of}`,
      synced: `one that waits for a shared synced put, ${of}`,
    }
    const perSecond = await rounds(
      quick ? 3 : 5,
      '/s',
      WHO.map(who => ({
        ...{ what: names[who], run: run(who) },
        ...(who === 'fastify' ? {} : { peer: names.fastify }),
      })),
    )
    const acknowledged = found.tallymesh.reduce((sum, { ok }) => sum + ok * perRequest, 0)
    // Each round breaks off the requests that are under way: they may have been counted.
    const cut = found.tallymesh.length * load.connections * (load.pipelining ?? 1) * perRequest
    await checkTotal(serves.tallymesh.url as string, acknowledged, acknowledged + cut)
    const figure = (who: Who, what: string, sample: (round: Loaded & { cpuMs: number }) => number): Figure => ({
      ...{ what: `${names[who]}, ${what}`, unit: 'ms', samples: found[who].slice(1).map(sample) },
      ...(who === 'fastify' ? {} : { peer: `${names.fastify}, ${what}` }),
    })
    const all = (what: string, sample: (round: Loaded & { cpuMs: number }) => number) =>
      WHO.map(who => figure(who, what, sample)) as Trio
    return {
      perSecond: perSecond as Trio,
      p50: all('p50', ({ latenciesMs }) => quantile([...latenciesMs], 0.5)),
      p99: all('p99', ({ latenciesMs }) => quantile([...latenciesMs], 0.99)),
      cpu: all('processor time a request', ({ cpuMs, ok }) => cpuMs / ok),
    }
  } finally {
    await Promise.all([...Object.values(servers), cannon].map(child => child.end()))
  }
}

async function checkTotal(url: string, min: number, max: number): Promise<void> {
  const page = (await (await fetch(`${url}/v1/counters?limit=1000`)).json()) as {
    counters: Array<{ value: number }>
    next: string | null
  }
  const total = page.counters.reduce((sum, { value }) => sum + value, 0)
  if (page.next !== null || total < min || total > max) {
    throw new Error(`the node shows ${total}, acknowledged were ${min}, attempted ${max}`)
  }
}
