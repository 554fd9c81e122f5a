import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ALIVE_ANSWERS, METRICS_ANSWERS, METRICS_QUERY, NO_QUERY, READY_ANSWERS } from './schemas.js'
import type { Serving } from './serving.js'

/** What balancers, supervisors and Prometheus ask. */
export function healthRoutes(app: FastifyInstance, serving: Serving): void {
  const { name, limits, metrics, readiness } = serving
  app.get('/livez', {
    config: { scope: 'open', unlimited: true },
    schema: {
      ...{ tags: ['health'], summary: 'Whether the process answers' },
      ...{ querystring: NO_QUERY, response: ALIVE_ANSWERS },
    },
    handler: () => Promise.resolve({ status: 'alive' }),
  })
  app.get('/readyz', {
    config: { scope: 'open', unlimited: true },
    schema: {
      ...{ tags: ['health'], summary: 'Whether this node asks for traffic, and if not, why' },
      ...{ querystring: NO_QUERY, response: READY_ANSWERS },
    },
    handler: (_request, reply) => {
      const status = serving.node()?.status ?? 'opening'
      const verdict = readiness.verdict(performance.now())
      reply.header('cache-control', 'no-store')
      if (verdict) reply.code(503).header('retry-after', '1')
      return reply.send({ ready: verdict === undefined, ...verdict, node: name, status, process: process.pid })
    },
  })
  app.get('/metrics', {
    config: { scope: 'read' },
    schema: {
      ...{ tags: ['health'], summary: 'Metrics for Prometheus' },
      ...{ querystring: METRICS_QUERY, response: METRICS_ANSWERS },
    },
    handler: async (request: FastifyRequest<{ Querystring: { prefix?: string } }>, reply) => {
      const prefix = request.query.prefix ?? limits.metricsPrefix
      const node = serving.node()
      const text = await metrics.text(figures(serving, prefix), () => node?.keyCount(prefix) ?? 0)
      return reply.header('content-type', metrics.contentType).send(text)
    },
  })
}

function* figures(serving: Serving, prefix: string) {
  for (const { key, totals } of serving.node()?.readers({ prefix }) ?? []) yield { key, ...totals }
}
