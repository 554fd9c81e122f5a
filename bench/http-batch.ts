import type { Benchmark, Setting } from './benchmark.js'
import { contest } from './http-contest.js'
import type { Findings } from './report.js'

const CONNECTIONS = 8
const KEYS = 1_000
const PER_SECOND_MIN = 300_000

export const batch: Benchmark = {
  name: 'batch',
  about:
    `POST /v1/counters with ${KEYS} entries a request, durable, from ${CONNECTIONS} connections, beside an empty Fastify route ` +
    'that takes and checks the same body; must hold: 300,000 increments a second',
  run,
}

async function run(setting: Setting): Promise<Omit<Findings, 'name'>> {
  const entries = Array.from({ length: KEYS }, (_, i) => ({ key: `orders{shop="${i}"}`, add: 1 }))
  const load = { paths: ['/v1/counters'], body: JSON.stringify(entries), connections: CONNECTIONS }
  const { perSecond, p50, p99, cpu } = await contest(setting, `${KEYS} adds`, load, KEYS)
  return {
    tables: [
      { title: `increments, ${CONNECTIONS} connections`, figures: perSecond },
      { title: 'latency', figures: [...p50, ...p99] },
      { title: 'the server', figures: cpu },
    ],
    bounds: [{ figure: perSecond[0], min: PER_SECOND_MIN }],
    notes: [],
  }
}
