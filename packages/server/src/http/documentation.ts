import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { VERSION } from '../version.js'
import { NO_QUERY, OPENAPI_ANSWERS } from './schemas.js'

const DESCRIPTION = `Counters that survive: every node counts locally; what was acknowledged is on disk, reaches every other
node, and is in the total exactly once.

Errors are \`application/problem+json\` with a stable \`code\`. On an add, \`counted\` says whether it was counted: only what was
not may be sent again. Amounts that a number does not hold exactly, beyond 2^53 − 1, are strings.`

/** Everything comes from this server, over HTTP or HTTPS alike. */
const CONTENT_POLICY = [
  "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'; script-src 'self'",
  // Swagger UI writes styles into its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:; font-src 'self' data:",
].join('; ')

/** Describes every route that is registered after it, at /openapi.json, and shows that at /docs, without the network. */
export async function describeRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'tallymesh', description: DESCRIPTION, version: VERSION, license: { name: 'MIT' } },
      tags: [
        { name: 'counters', description: 'Counting, reading, watching' },
        { name: 'room', description: 'Members, export and import' },
        { name: 'health', description: 'For balancers, supervisors and Prometheus' },
      ],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token with the scope that the operation names: read, write, peer or admin.',
          },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const scope = route.config?.scope
      if (scope === undefined || scope === 'open') return { schema, url }
      return { schema: { ...schema, security: [{ token: [] }], description: `Needs the scope \`${scope}\`.` }, url }
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: () => CONTENT_POLICY,
    // The validator of swagger.io would be asked for a badge otherwise.
    uiConfig: { url: '/openapi.json', validatorUrl: null, deepLinking: true },
    theme: { title: 'tallymesh API' },
  })
  app.get('/openapi.json', {
    config: { scope: 'open' },
    schema: { hide: true, querystring: NO_QUERY, response: OPENAPI_ANSWERS },
    handler: (_request, reply) => reply.header('content-type', 'application/json').send(JSON.stringify(app.swagger())),
  })
}
