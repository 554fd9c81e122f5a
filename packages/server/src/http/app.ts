import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type GuardedRoute, guardRoutes } from './access.js'
import { BodyDeadlines } from './body-deadlines.js'
import { counterRoutes } from './counter-routes.js'
import { describeRoutes } from './documentation.js'
import { answerBadUrl, answerFailures, unsupported } from './failures.js'
import { healthRoutes } from './health-routes.js'
import { refuseUnparsed } from './http-server.js'
import { memberRoutes } from './member-routes.js'
import { parseQuery } from './query-string.js'
import { COMPILERS } from './request-checks.js'
import type { Serving } from './serving.js'
import { parseStrictJson } from './strict-json.js'
import { transferRoutes } from './transfer-routes.js'
import { watchRoutes } from './watch-routes.js'

/** Longer than any key: what is longer is refused with the reason, by the key's own rules. */
const PARAM_CHARACTERS_MAX = 20_000
const UTF8 = /charset\s*=\s*(?!"?utf-8"?\s*(?:;|$))/i

export interface App {
  readonly app: FastifyInstance
  readonly routes: readonly GuardedRoute[]
}

/** The HTTP API. It answers on the server that `makeServer` makes, and neither opens nor closes its port. */
export async function makeApp(serving: Serving, makeServer: (handler: RequestListener) => Server): Promise<App> {
  const refused = (code: string) => serving.metrics.http.refused(code)
  const app: FastifyInstance = fastify({
    serverFactory: handler => makeServer(handler),
    bodyLimit: serving.limits.bodyBytesMax,
    routerOptions: { maxParamLength: PARAM_CHARACTERS_MAX, querystringParser: parseQuery },
    schemaController: { compilersFactory: COMPILERS },
    frameworkErrors: (_error, request, reply) => answerBadUrl(serving, request, reply),
    clientErrorHandler: (error, socket) => refuseUnparsed({ name: serving.name, refused }, error, socket),
  })
  const deadlines = new BodyDeadlines(serving.limits.bodyTimeoutMs)
  app.addHook('onClose', async () => deadlines.close())
  takeJsonOnly(app, deadlines)
  app.addHook('onRequest', closeForPages)
  if (serving.origins.length > 0) await allowOrigins(app, serving.origins)
  answerFailures(app, serving)
  const routes = await guardRoutes(app, serving, deadlines)
  describeRoutes(app)
  counterRoutes(app, serving)
  watchRoutes(app, serving)
  memberRoutes(app, serving)
  await transferRoutes(app, serving)
  healthRoutes(app, serving)
  await app.ready()
  return { app, routes }
}

/** Bodies are JSON in UTF-8, or are refused. */
function takeJsonOnly(app: FastifyInstance, deadlines: BodyDeadlines): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    deadlines.arrived(request)
    try {
      if (!isPlain(request.headers)) throw unsupported()
      // A program that sends a type with every request sends it with those that have no body, too.
      done(null, body.length === 0 ? undefined : parseStrictJson(body))
    } catch (error) {
      done(error as Error)
    }
  })
}

function isPlain(headers: IncomingMessage['headers']): boolean {
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers
  return encoding === 'identity' && (type === 'application/json' || !UTF8.test(type))
}

/** A browser sends a POST again by itself when a connection that it kept breaks before the answer: the add would count twice. So
 *  what a page asks gets a connection of its own. */
function closeForPages({ headers }: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) reply.header('connection', 'close')
  done()
}

/** Lets pages of these origins use the API from a browser. */
async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  // Most servers have none: what is needed for them is loaded for them alone.
  const { default: cors } = await import('@fastify/cors')
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Tallymesh-After'],
    exposedHeaders: ['Tallymesh-After', 'Tallymesh-Node', 'Tallymesh-Repeated', 'Retry-After'],
    maxAge: 600,
    strictPreflight: false,
  })
}
