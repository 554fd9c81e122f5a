import type { OutgoingHttpHeaders } from 'node:http'
import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { seen } from './counter-routes.js'
import { EventStream } from './event-stream.js'
import { AFTER_HEADERS, KEY_PARAMS, WATCH_ANSWERS, WATCH_QUERY } from './schemas.js'
import { openedNode, type Serving } from './serving.js'
import { bearerOf, scopeRefusal } from './token-check.js'

const INTERVAL_MS = 100
/** Of a key, in the log. */
const SHOWN_MAX = 256
const ROUTE = '/v1/counters/:key/watch'

type WatchRequest = FastifyRequest<{ Params: { key: string }; Querystring: { intervalMs?: number } }>

/** Watching a counter by server-sent events. */
export function watchRoutes(app: FastifyInstance, serving: Serving): void {
  const { watchers, limits, metrics } = serving
  app.get(ROUTE, {
    config: { scope: 'read' },
    // The answer to HEAD would never end.
    exposeHeadRoute: false,
    schema: {
      ...{ tags: ['counters'], summary: 'Watch a counter: server-sent events' },
      ...{ params: KEY_PARAMS, querystring: WATCH_QUERY, headers: AFTER_HEADERS, response: WATCH_ANSWERS },
    },
    handler: async (request: WatchRequest, reply) => {
      const node = openedNode(serving)
      const counter = node.reader(request.params.key)
      await seen(serving, node, request)
      if (watchers.full || serving.readiness.draining) {
        throw new TallymeshError('NOT_READY', 'this node takes no more watchers now; try another, or later')
      }
      reply.hijack()
      const { raw } = reply
      // The client may have gone while it waited.
      if (raw.destroyed) return
      raw.writeHead(200, {
        ...(reply.getHeaders() as OutgoingHttpHeaders),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // NGINX would gather events otherwise.
        'x-accel-buffering': 'no',
      })
      metrics.http.route('GET', ROUTE).answered(200, performance.now() - request.startedMs)
      const unread = { key: counter.key.slice(0, SHOWN_MAX), client: request.ip, stallMs: limits.watchStallMs }
      const stalled = () => {
        serving.log.info(unread, 'a watcher left its events unread and was cut off')
      }
      const stream = new EventStream(raw, { stallMs: limits.watchStallMs, stalled })
      const token = bearerOf(request.headers.authorization)
      const admitted = () => scopeRefusal(serving.tokens, token, 'read') === undefined
      void watchers.watch(counter, stream, request.query.intervalMs ?? INTERVAL_MS, admitted)
    },
  })
}
