import type { Setting } from './benchmark.js'
import { HttpChild, type Load, type Loaded } from './http-child.js'
import type { Figure } from './report.js'
import { rounds } from './rounds.js'
import { quantile } from './sample.js'

/** A load that a node's API and an empty Fastify server take in turns. */
export type ContestLoad = Omit<Load, 'url' | 'durationMs'>

/** What a contest found. */
export interface Contest {
  readonly perSecond: [tallymesh: Figure, fastify: Figure]
  readonly p50: [Figure, Figure]
  readonly p99: [Figure, Figure]
  /** Processor time of the server for each request: it does not depend on how fast the load comes. */
  readonly cpu: [Figure, Figure]
}

const WHO = ['tallymesh', 'fastify'] as const
type Who = (typeof WHO)[number]

/** Loads both with the same requests, each from a process of its own, and then asks the node whether it counted what it
 *  acknowledged.
 *  @param of what is sent, for the names of the figures
 *  @param perRequest how many increments a request carries
 *  @throws Error when a request failed, or when a count is missing or doubled */
export async function contest(setting: Setting, of: string, load: ContestLoad, perRequest: number): Promise<Contest> {
  const { quick, scratch } = setting
  const durationMs = quick ? 1_000 : 2_000
  const children = { tallymesh: new HttpChild(), fastify: new HttpChild(), cannon: new HttpChild() }
  const found: Record<Who, Array<Loaded & { cpuMs: number }>> = { tallymesh: [], fastify: [] }
  try {
    const { runtimeDir } = scratch
    const { url } = await children.tallymesh.ask({ type: 'tallymesh', dataDir: scratch.dir(), runtimeDir })
    const urls = { tallymesh: url as string, fastify: (await children.fastify.ask({ type: 'fastify' })).url as string }
    const run = (who: Who) => async () => {
      const server = children[who]
      const before = (await server.ask({ type: 'cpu' })).ms as number
      const { loaded } = await children.cannon.ask({ type: 'load', ...load, url: urls[who], durationMs })
      const { ok, failed } = loaded as Loaded
      if (failed > 0 || ok === 0) throw new Error(`${failed} requests to ${who} failed, ${ok} did not`)
      const cpuMs = ((await server.ask({ type: 'cpu' })).ms as number) - before
      found[who].push({ ...(loaded as Loaded), cpuMs })
      return (ok * perRequest * 1000) / (loaded as Loaded).durationMs
    }
    const names = { tallymesh: `tallymesh, ${of}`, fastify: `an empty Fastify route, ${of}` }
    const perSecond = await rounds(quick ? 3 : 5, '/s', [
      { what: names.tallymesh, peer: names.fastify, run: run('tallymesh') },
      { what: names.fastify, run: run('fastify') },
    ])
    const acknowledged = found.tallymesh.reduce((sum, { ok }) => sum + ok * perRequest, 0)
    // Each round breaks off the requests that are under way: they may have been counted.
    const cut = found.tallymesh.length * load.connections * (load.pipelining ?? 1) * perRequest
    await checkTotal(urls.tallymesh, acknowledged, acknowledged + cut)
    const figure = (who: Who, what: string, sample: (round: Loaded & { cpuMs: number }) => number): Figure => ({
      ...{ what: `${names[who]}, ${what}`, unit: 'ms', samples: found[who].slice(1).map(sample) },
      ...(who === 'tallymesh' ? { peer: `${names.fastify}, ${what}` } : {}),
    })
    const both = (what: string, sample: (round: Loaded & { cpuMs: number }) => number): [Figure, Figure] => [
      figure('tallymesh', what, sample),
      figure('fastify', what, sample),
    ]
    return {
      perSecond: perSecond as [Figure, Figure],
      p50: both('p50', ({ latenciesMs }) => quantile([...latenciesMs], 0.5)),
      p99: both('p99', ({ latenciesMs }) => quantile([...latenciesMs], 0.99)),
      cpu: both('processor time a request', ({ cpuMs, ok }) => cpuMs / ok),
    }
  } finally {
    await Promise.all(Object.values(children).map(child => child.end()))
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
