import type { Benchmark, Setting } from './benchmark.js'
import { contest } from './http-contest.js'
import { type Findings, timesOf } from './report.js'

const CONNECTIONS = 64
const KEYS = 100
const THROUGHPUT_MIN = 0.75
const P99_MAX = 5

export const http: Benchmark = {
  name: 'http',
  about:
    `POST /v1/counters/{key}, durable, from ${CONNECTIONS} connections to ${KEYS} counters, beside an empty Fastify route that ` +
    'takes and checks the same body, and one that waits for the disk; must hold: 75 % of its requests a second, and under 5 × its p99',
  run,
}

async function run(setting: Setting): Promise<Omit<Findings, 'name'>> {
  const paths = Array.from({ length: KEYS }, (_, i) => `/v1/counters/${encodeURIComponent(`orders{shop="${i}"}`)}`)
  const load = { paths, body: '{"add":1}', connections: CONNECTIONS }
  const { perSecond, p50, p99, cpu } = await contest(setting, 'one add', load, 1)
  return {
    tables: [
      { title: `requests, ${CONNECTIONS} connections`, figures: perSecond },
      { title: 'latency', figures: [...p50, ...p99] },
      { title: 'the server', figures: cpu },
    ],
    bounds: [
      {
        figure: timesOf("requests a second against an empty route's", perSecond[0], perSecond[1]),
        min: THROUGHPUT_MIN,
      },
      { figure: timesOf("p99 against an empty route's", p99[0], p99[1]), max: P99_MAX },
    ],
    notes: [],
  }
}
