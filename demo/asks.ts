import type { Seeded } from './seeded.js'

/** A request that the traffic makes, and how the application answers it. */
export interface Ask {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: string | undefined
  readonly route: string
  readonly status: number
}

const ITEMS = 1_000
const REPORT_DAYS_MAX = 40

/** What a customer asks next: mostly items, some orders, some reports, and of each a few that go wrong. */
export function nextAsk(random: Seeded): Ask {
  const kind = random.next()
  const wrong = random.next() < 0.05
  if (kind < 0.6) {
    const id = random.below(ITEMS) + (wrong ? ITEMS : 0)
    return { method: 'GET', path: `/items/${id}`, body: undefined, route: '/items/:id', status: wrong ? 404 : 200 }
  }
  if (kind < 0.85) {
    const body = JSON.stringify({ quantity: wrong ? 0 : 1 + random.below(9) })
    return { method: 'POST', path: '/orders', body, route: '/orders', status: wrong ? 422 : 201 }
  }
  const days = wrong ? 0 : 1 + random.below(REPORT_DAYS_MAX)
  return { method: 'GET', path: `/report?days=${days}`, body: undefined, route: '/report', status: wrong ? 500 : 200 }
}
