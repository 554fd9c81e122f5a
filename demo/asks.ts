import type { Seeded } from './seeded.js'

/** A request of a customer, and how the shop answers it. */
export interface Ask {
  readonly route: string
  readonly method: 'GET' | 'POST'
  readonly status: number
  /** How long the shop takes for it. Only counted, and not waited for. */
  readonly latencyMs: number
}

/** What a customer asks next: mostly items, some orders, some reports, and of each a few that go wrong. */
export function nextAsk(random: Seeded): Ask {
  const kind = random.next()
  const wrong = random.next() < 0.05
  if (kind < 0.6) {
    return { route: '/items/:id', method: 'GET', status: wrong ? 404 : 200, latencyMs: 1 + random.below(8) }
  }
  if (kind < 0.85) {
    return { route: '/orders', method: 'POST', status: wrong ? 422 : 201, latencyMs: 3 + random.below(40) }
  }
  return { route: '/report', method: 'GET', status: wrong ? 500 : 200, latencyMs: 10 + random.below(120) }
}
