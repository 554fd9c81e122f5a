// Types alone: it is loaded where there is a limit.
import type {} from '@fastify/rate-limit'
import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteMetrics } from '../metrics/http-metrics.js'
import type { Scope } from '../security/token-lines.js'
import type { BodyDeadlines } from './body-deadlines.js'
import { headerText } from './problem.js'
import { holdsToken } from './query-string.js'
import type { Serving } from './serving.js'
import { bearerOf, scopeRefusal } from './token-check.js'
import { tokenInUrl } from './upgrades.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that a token needs for this route; `open`: no token is asked for. Every route has one. */
    scope?: Scope | 'open'
    /** Whether the route counts: then a problem says whether it did. */
    adds?: boolean
    /** The body may take as long as the server gives to any request. */
    slowBody?: boolean
    /** The rate limit does not apply. */
    unlimited?: boolean
  }
  interface FastifyRequest {
    /** When the request was first looked at; a monotonic time in ms. */
    startedMs: number
  }
}

type Done = (error?: Error) => void
type RateCheck = ReturnType<FastifyInstance['createRateLimit']>

/** A route with the scope that it asks for. */
export interface GuardedRoute {
  readonly method: string
  readonly url: string
  readonly scope: Scope | 'open'
}

/** Guards every route that is registered after it: the token's scope, the rate limit, the time for the body; and measures it.
 *  A route without a scope is refused, so that none is open by mistake.
 *  @returns the routes, as they come */
export async function guardRoutes(
  app: FastifyInstance,
  serving: Serving,
  deadlines: BodyDeadlines,
): Promise<readonly GuardedRoute[]> {
  const routes: GuardedRoute[] = []
  app.decorateRequest('startedMs', 0)
  const exceeded = await rateCheck(app, serving)
  app.addHook('onRoute', route => {
    const scope = route.config?.scope ?? pluginScope(route.url)
    if (scope === undefined) throw new Error(`the route ${String(route.method)} ${route.url} has no scope`)
    const config = { ...route.config, scope }
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, scope })
    route.config = config
    const metrics = serving.metrics.http.route(String(route.method), route.url)
    route.onRequest = [guard(serving, config, deadlines, exceeded), ...listed(route.onRequest)]
    route.onSend = [...listed(route.onSend), measured(metrics)]
  })
  return routes
}

/** The one route of a plugin: preflight requests, which carry no token. */
function pluginScope(url: string): 'open' | undefined {
  return url === '*' ? 'open' : undefined
}

function listed<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}

/** The hook that runs before everything else of a route. */
function guard(
  serving: Serving,
  config: FastifyContextConfig & { scope: Scope | 'open' },
  deadlines: BodyDeadlines,
  exceeded: RateCheck | undefined,
) {
  const { tokens, readiness, limits } = serving
  const { scope } = config
  const node = headerText(serving.name)
  const limited = config.unlimited ? undefined : exceeded
  return (request: FastifyRequest, reply: FastifyReply, done: Done): void => {
    const { raw } = request
    request.startedMs = performance.now()
    reply.header('tallymesh-node', node)
    if (readiness.draining) reply.header('connection', 'close')
    if (holdsToken(raw.url as string)) return done(tokenInUrl())
    const refusal = () =>
      scope === 'open' ? undefined : scopeRefusal(tokens, bearerOf(raw.headers.authorization), scope)
    if (limited) {
      limited(request).then(checked => {
        if (checked.isAllowed || !checked.isExceeded) return admit(refusal())
        reply.header('retry-after', String(checked.ttlInSeconds))
        done(new TallymeshError('RATE_LIMITED', `more than ${limits.rateLimit} requests a second; nothing was counted`))
      }, done)
    } else admit(refusal())

    function admit(refused: TallymeshError | undefined): void {
      if (!refused && !config.slowBody && hasBody(request)) deadlines.expect(request, reply)
      done(refused)
    }
  }
}

/** Whether a request says that a body follows its head. */
export function hasBody({ raw: { headers } }: FastifyRequest): boolean {
  const length = headers['content-length']
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined
}

async function rateCheck(app: FastifyInstance, { limits, tokens }: Serving): Promise<RateCheck | undefined> {
  if (limits.rateLimit === undefined) return undefined
  const { default: rateLimit } = await import('@fastify/rate-limit')
  await app.register(rateLimit, { global: false })
  return app.createRateLimit({
    max: limits.rateLimit,
    timeWindow: 1_000,
    // Balancers make all clients look alike: whoever shows a known token is told apart by it.
    keyGenerator: request => tokens?.find(bearerOf(request.headers.authorization))?.id ?? request.ip,
  })
}

function measured(metrics: RouteMetrics) {
  return (
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (e?: null, payload?: unknown) => void,
  ) => {
    metrics.answered(reply.statusCode, performance.now() - request.startedMs)
    done(null, payload)
  }
}
