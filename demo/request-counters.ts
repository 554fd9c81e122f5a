import { counterKey } from '@tallymesh/client'
import type { Ask } from './asks.js'

/** Upper ends of the latency classes in ms. As in Prometheus, a request counts in every class that it fits in. */
const LATENCY_CLASSES_MS = [5, 25, 100]
const ALL = '+Inf'

/** The counters that one request raises, by one each. */
export function countersOf({ route, method, status, latencyMs }: Ask): string[] {
  const requests = counterKey('http_requests', { route, method, status: String(status) })
  const errors = status >= 500 ? [counterKey('http_errors', { route })] : []
  const classes = LATENCY_CLASSES_MS.filter(classMs => latencyMs <= classMs).map(String)
  return [requests, ...errors, ...[...classes, ALL].map(le => counterKey('http_latency', { route, le }))]
}
