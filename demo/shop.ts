import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Counter, TallymeshError, type TallymeshNode } from 'tallymesh'
import type { NodeConfig } from './node-config.js'
import { countersOf } from './request-counters.js'

/** How long an answer waits for a second disk before it settles for one, in ms. */
const SECOND_DISK_MS = 400
const ITEMS = 1_000
/** Nothing was counted, for certain. */
const REFUSED = new Set(['NOT_READY', 'NODE_CLOSED', 'COUNTER_OVERFLOW'])

/** The application: three routes of a shop. No answer leaves before what it counted is durable. */
export function addShop(app: FastifyInstance, node: TallymeshNode, config: NodeConfig): void {
  const tally = new RequestTally(node)
  const startedMs = new WeakMap<FastifyRequest, number>()

  app.addHook('onRequest', async request => {
    startedMs.set(request, performance.now())
  })
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-node', `${config.name}/${config.generation}`)
    const nowMs = performance.now()
    return (await tally.count(request, reply, nowMs - (startedMs.get(request) ?? nowMs))) ?? payload
  })

  app.get<{ Params: { id: string } }>('/items/:id', async (request, reply) => {
    const id = Number(request.params.id)
    if (!(id >= 0 && id < ITEMS)) return reply.code(404).send({ error: 'no such item' })
    return { id, name: `item ${id}` }
  })

  app.post<{ Body: { quantity: number } }>('/orders', async (request, reply) => {
    const { quantity } = request.body
    if (quantity < 1) return reply.code(422).send({ error: 'quantity must be at least 1' })
    return reply.code(201).send({ quantity })
  })

  app.get<{ Querystring: { days: string } }>('/report', async request => {
    const days = Number(request.query.days)
    if (days === 0) throw new Error('a report of no days divides by zero')
    await sleep(days)
    return { days }
  })
}

/** Counts requests, and tells in headers what was counted and on how many disks it is. */
class RequestTally {
  readonly #peersUp = new Set<string>()
  readonly #counters = new Map<string, Counter[]>()

  constructor(readonly node: TallymeshNode) {
    for (const { self, state, store } of node.members()) if (!self && state === 'up') this.#peersUp.add(store)
    node.on('peer', ({ store, state }) => {
      if (state === 'up') this.#peersUp.add(store)
      else this.#peersUp.delete(store)
    })
  }

  /** @returns another payload where the request was not counted */
  async count(request: FastifyRequest, reply: FastifyReply, elapsedMs: number): Promise<string | undefined> {
    const counters = this.#of(request.routeOptions.url ?? '', request.method, reply.statusCode, elapsedMs)
    // One turn of the program is one commit: what confirms the last of them confirms all.
    const replicas = this.#peersUp.size > 0 ? 2 : 1
    const last = counters.length - 1
    const counts = counters.map((counter, i) =>
      i < last ? counter.increment() : counter.increment(1, { replicas, timeoutMs: SECOND_DISK_MS }),
    )
    const codes = (await Promise.allSettled(counts)).flatMap(count =>
      count.status === 'rejected' ? [codeOf(count.reason)] : [],
    )
    if (codes.every(code => code === 'NOT_REPLICATED')) {
      reply.header('x-disks', codes.length === 0 ? replicas : 1)
      reply.header('x-counted', JSON.stringify(counters.map(({ key }) => key)))
      return undefined
    }
    // Where some of the counts may be in, the header is missing, and the traffic takes all of them as uncertain.
    if (codes.length === counts.length && codes.every(code => REFUSED.has(code))) reply.header('x-counted', '[]')
    reply.code(503)
    return JSON.stringify({ error: codes[0] })
  }

  #of(route: string, method: string, status: number, elapsedMs: number): Counter[] {
    const names = countersOf(route, method, status, elapsedMs)
    const shape = `${route} ${method} ${status} ${names.length}`
    let counters = this.#counters.get(shape)
    if (!counters) {
      counters = names.map(({ name, labels }) => this.node.counter(name, labels))
      this.#counters.set(shape, counters)
    }
    return counters
  }
}

function codeOf(reason: unknown): string {
  return reason instanceof TallymeshError ? reason.code : 'UNKNOWN'
}
