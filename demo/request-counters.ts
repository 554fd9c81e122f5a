import { type CounterKey, counterKey, type Labels } from 'tallymesh'

/** A counter by name and labels, as the application asks its node for it. */
export interface CounterName {
  readonly name: string
  readonly labels: Labels
}

/** Upper ends of the latency classes in ms. As in Prometheus, a request counts in every class that it fits in. */
const LATENCY_CLASSES_MS = [5, 25, 100]
const ALL = '+Inf'

/** The counters that one answered request raises, by one each. */
export function countersOf(route: string, method: string, status: number, elapsedMs: number): CounterName[] {
  const names: CounterName[] = [{ name: 'http_requests', labels: { route, method, status: String(status) } }]
  if (status >= 500) names.push({ name: 'http_errors', labels: { route } })
  const classes = LATENCY_CLASSES_MS.filter(classMs => elapsedMs <= classMs).map(String)
  for (const le of [...classes, ALL]) names.push({ name: 'http_latency', labels: { route, le } })
  return names
}

/** Every key that a request may have raised when its answer was never seen: how long it took is not known, so all classes. */
export function possibleKeys(route: string, method: string, status: number): CounterKey[] {
  return countersOf(route, method, status, 0).map(({ name, labels }) => counterKey(name, labels))
}
