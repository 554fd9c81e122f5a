import type { Benchmark, Setting } from './benchmark.js'
import { type ClientCalls, clientCalls } from './client-calls.js'
import { HttpChild } from './http-child.js'
import { type Contest, contest } from './http-contest.js'
import { Redis, redisNote } from './redis.js'
import type { Findings } from './report.js'
import { type Contestant, pipelined, rounds } from './rounds.js'

const KEYS = 1_000
const ENTRIES = Array.from({ length: KEYS }, (_, i) => ({ key: `orders{shop="${i}"}`, add: 1 }))
const PER_SECOND_MIN = 1_000_000
/** Requests, or pipelines, that are under way at once where more than one is. */
const UNDER_WAY = 8

export const batch: Benchmark = {
  name: 'batch',
  about:
    `increments over one connection, durable, ${KEYS} keys a request: POST /v1/counters beside an empty Fastify route that takes and checks the same body, and one that waits for the disk, ` +
    'and the client library beside pipelines of Redis through ioredis; must hold: 1 million a second',
  run,
}

async function run(setting: Setting): Promise<Omit<Findings, 'name'>> {
  const load = { paths: ['/v1/counters'], body: JSON.stringify(ENTRIES), connections: 1 }
  const single = await contest(setting, `${KEYS} adds`, load, KEYS)
  const several = { ...load, pipelining: UNDER_WAY }
  const many = await contest(setting, `${KEYS} adds, ${UNDER_WAY} requests under way`, several, KEYS)
  const library = await libraries(setting)
  const both = (pick: (of: Contest) => Contest['perSecond']) => [...pick(single), ...pick(many)]
  return {
    tables: [
      { title: 'increments, one connection', figures: both(({ perSecond }) => perSecond) },
      { title: 'latency of a request', figures: [...both(({ p50 }) => p50), ...both(({ p99 }) => p99)] },
      { title: 'the server', figures: both(({ cpu }) => cpu) },
      { title: 'increments through a library, one connection', figures: library },
    ],
    bounds: [single.perSecond[0], many.perSecond[0], ...library.slice(0, 4)].map(figure => {
      return { figure, min: PER_SECOND_MIN }
    }),
    notes: [redisNote()],
  }
}

/** The client library in this process, the server in another. */
async function libraries({ quick, scratch }: Setting) {
  const server = new HttpChild()
  const empty = new HttpChild()
  const redis = await Redis.start(scratch)
  const roundMs = quick ? 500 : 1_500
  let calls: ClientCalls | undefined
  try {
    const place = { dataDir: scratch.dir(), runtimeDir: scratch.runtimeDir }
    const { url } = await server.ask({ type: 'tallymesh', ...place })
    calls = clientCalls(url as string, KEYS)
    const fetching = fetches((await empty.ask({ type: 'fastify' })).url as string)
    const { withIds, plain, gathered } = calls
    const whole = (inFlight: number, call: () => Promise<unknown>) => async () =>
      (await pipelined(inFlight, roundMs, call)) * KEYS
    const peer = `Redis, a pipeline of ${KEYS} INCR at a time`
    const contestants: Contestant[] = [
      { what: 'client.addAll(), one at a time', run: whole(1, withIds) },
      { what: 'client.addAll() without ids, one at a time', run: whole(1, plain) },
      {
        what: 'client.add(), 1 ms gathered, 10,000 in flight',
        run: () => pipelined(10_000, roundMs, gathered.withIds),
      },
      {
        what: 'client.add() without ids, 1 ms gathered, 10,000 in flight',
        run: () => pipelined(10_000, roundMs, gathered.plain),
      },
    ]
    // What `fetch` of Node.js takes for such requests, whoever sends them.
    contestants.push({
      what: 'fetch() of the same bodies, an empty Fastify route, one at a time',
      run: whole(1, fetching),
    })
    if (!redis) return await rounds(quick ? 2 : 5, '/s', contestants)
    const pipeline = redis.pipeline(KEYS)
    return await rounds(quick ? 2 : 5, '/s', [
      ...contestants.map(contestant => ({ ...contestant, peer })),
      { what: peer, run: whole(1, pipeline) },
      { what: `Redis, ${UNDER_WAY} pipelines of ${KEYS} INCR under way`, run: whole(UNDER_WAY, pipeline) },
    ])
  } finally {
    await calls?.close()
    await Promise.all([server.end(), empty.end(), redis?.stop()])
  }
}

function fetches(url: string): () => Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  return async () => {
    const answer = await fetch(`${url}/v1/counters`, { method: 'POST', headers, body: JSON.stringify(ENTRIES) })
    return await answer.json()
  }
}
