import { PROBLEM_CODES } from '../http/problem.js'
import { Histogram, type Sample, SECONDS } from './histogram.js'

/** Requests to one route by one method. */
export class RouteMetrics {
  readonly #byStatus = new Map<number, number>()
  readonly seconds = new Histogram(SECONDS)

  constructor(
    readonly method: string,
    readonly route: string,
  ) {}

  /** @param tookMs from the first look at the request to the answer's head */
  answered(status: number, tookMs: number): void {
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1)
    this.seconds.observe(tookMs / 1_000)
  }

  samples(): Sample[] {
    const { method, route } = this
    return [...this.#byStatus].map(([status, value]) => ({ labels: { route, method, status }, value }))
  }
}

/** What was asked of this server over HTTP, and what it refused. */
export class HttpMetrics {
  readonly #routes = new Map<string, RouteMetrics>()
  /** Each code from the start: a series that appears with its first count has no increase that an alert could see. */
  readonly #refused = new Map<string, number>([...PROBLEM_CODES, 'CONNECTIONS_MAX'].map(code => [code, 0]))

  /** The figures of a route; the same ones for the same route and method. */
  route(method: string, route: string): RouteMetrics {
    const name = `${method} ${route}`
    let found = this.#routes.get(name)
    if (!found) this.#routes.set(name, (found = new RouteMetrics(method, route)))
    return found
  }

  /** A request was answered with a problem. @param code of the problem, or CONNECTIONS_MAX where none could be sent */
  refused(code: string): void {
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1)
  }

  requests(): Sample[] {
    return [...this.#routes.values()].flatMap(route => route.samples())
  }

  /** By route alone: what takes long takes long whatever it answers. */
  seconds(name: string): Sample[] {
    return [...this.#routes.values()]
      .filter(route => route.samples().length > 0)
      .flatMap(({ seconds, method, route }) => seconds.samples(name, { route, method }))
  }

  refusals(): Sample[] {
    return [...this.#refused].map(([code, value]) => ({ labels: { code }, value }))
  }
}
