// Types of what a schema may say to the documentation; nothing is loaded by it.
import type {} from '@fastify/swagger'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { DescribedRoute, DocumentationPages } from './documentation-pages.js'
import { NO_QUERY, OPENAPI_ANSWERS } from './schemas.js'

/** Everything comes from this server, over HTTP or HTTPS alike. */
const CONTENT_POLICY = [
  "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'; script-src 'self'",
  // Swagger UI writes styles into its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:; font-src 'self' data:",
].join('; ')

/** What Swagger UI serves. */
const PAGES = ['/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/static/*']
/** Of each answer by itself, not of what is passed on. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'date', 'transfer-encoding'])

/** Describes every route that is registered after it, at /openapi.json, and shows that at /docs, without the network. What makes
 *  the pages is loaded when the first is asked for: it is a sixth of all that a server would load, and most are never asked. */
export function describeRoutes(app: FastifyInstance): void {
  const routes: DescribedRoute[] = []
  app.addHook('onRoute', ({ method, url, schema, config }) => {
    if (schema && !schema.hide && method !== 'HEAD') routes.push({ method, url, schema, config: config ?? {} })
  })
  let opening: Promise<DocumentationPages> | undefined
  const pages = () => {
    opening ??= import('./documentation-pages.js').then(({ DocumentationPages }) => DocumentationPages.open(routes))
    return opening
  }
  app.addHook('onClose', async () => {
    await opening?.then(
      opened => opened.close(),
      () => {},
    )
  })
  app.get('/openapi.json', {
    config: { scope: 'open' },
    schema: { hide: true, querystring: NO_QUERY, response: OPENAPI_ANSWERS },
    handler: async (_request, reply) => {
      const text = (await pages()).openapi
      return reply.header('content-type', 'application/json').send(text)
    },
  })
  for (const [method, url] of PAGES.flatMap(url => [['GET', url] as const, ['HEAD', url] as const])) {
    app.route({
      ...{ method, url, exposeHeadRoute: false },
      ...{ config: { scope: 'open' }, schema: { hide: true } },
      onSend: (_request, reply, payload, done) => {
        reply.header('content-security-policy', CONTENT_POLICY)
        done(null, payload)
      },
      handler: async (request, reply) => pass(await pages(), request, reply),
    })
  }
}

/** Asks the pages, and answers what they answer; what they refuse or lack as this server does. */
async function pass(pages: DocumentationPages, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { status, headers, body, error } = await pages.ask(request.raw.url as string, request.headers)
  if (status === 404) return reply.callNotFound() as unknown as FastifyReply
  if (error) throw error
  for (const [name, value] of Object.entries(headers)) if (!OWN_HEADERS.has(name)) reply.header(name, value)
  return reply.code(status).send(body.length === 0 ? undefined : body)
}
