import type { FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from './problem.js'

/** Gives bodies a time to arrive. One interval looks at the oldest ones: a timer for each request would cost more than all else
 *  that a small request needs here. */
export class BodyDeadlines {
  /** In the order in which they began to wait. */
  readonly #waiting = new Map<FastifyRequest, FastifyReply>()
  readonly #interval: NodeJS.Timeout

  constructor(readonly bodyTimeoutMs: number) {
    this.#interval = setInterval(() => this.#look(performance.now()), Math.max(10, bodyTimeoutMs / 10))
    this.#interval.unref()
  }

  /** The body of a request is awaited from now on. Who parses it says so by `arrived`; others are forgotten in time. */
  expect(request: FastifyRequest, reply: FastifyReply): void {
    this.#waiting.set(request, reply)
  }

  arrived(request: FastifyRequest): void {
    this.#waiting.delete(request)
  }

  close(): void {
    clearInterval(this.#interval)
    this.#waiting.clear()
  }

  #look(nowMs: number): void {
    for (const [request, reply] of this.#waiting) {
      if (nowMs - request.startedMs < this.bodyTimeoutMs) return
      this.#waiting.delete(request)
      if (reply.sent || request.raw.complete) continue
      const text = `the body took over ${this.bodyTimeoutMs} ms; nothing was counted`
      reply.send(new HttpError(408, 'REQUEST_INVALID', text))
    }
  }
}
