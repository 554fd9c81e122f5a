import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { type FastifyInstance, fastify, type RouteOptions } from 'fastify'
import { VERSION } from '../version.js'
import { COMPILERS } from './request-checks.js'

const DESCRIPTION = `Counters that survive: every node counts locally; what was acknowledged is on disk, reaches every other
node, and is in the total exactly once.

Errors are \`application/problem+json\` with a stable \`code\`. On an add, \`counted\` says whether it was counted: only what was
not may be sent again. Amounts that a number does not hold exactly, beyond 2^53 − 1, are strings.`

/** Carries the URL as it was asked: a URL that is parsed on the way would lose its dots, and what they were refused for. */
const ASKED = 'tallymesh-asked'

/** A route as the documentation shows it. */
export type DescribedRoute = Pick<RouteOptions, 'method' | 'url' | 'schema' | 'config'>

/** What the pages answer. */
export interface PageAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
  /** What was wrong, with its status. */
  readonly error: Error | undefined
}

/** The description of an API and the page that shows it: an application of its own, which listens nowhere and is asked by the
 *  server. */
export class DocumentationPages {
  readonly #app: FastifyInstance
  /** The OpenAPI description, as JSON. */
  readonly openapi: string

  private constructor(app: FastifyInstance) {
    this.#app = app
    this.openapi = JSON.stringify(app.swagger())
  }

  static async open(routes: readonly DescribedRoute[]): Promise<DocumentationPages> {
    const app = fastify({
      rewriteUrl: ({ headers, url }) => (headers[ASKED] as string | undefined) ?? (url as string),
      schemaController: { compilersFactory: COMPILERS },
    })
    await describe(app)
    for (const route of routes) app.route({ ...route, handler: (_request, reply) => reply.callNotFound() })
    await app.ready()
    return new DocumentationPages(app)
  }

  /** @param url path and query, as they were sent */
  async ask(url: string, headers: IncomingHttpHeaders): Promise<PageAnswer> {
    const answer = await this.#app.inject({ method: 'GET', url: '/', headers: { ...headers, [ASKED]: url } })
    const { statusCode: status, headers: given, rawPayload: body } = answer
    const error = status < 400 ? undefined : Object.assign(new Error(answer.json().message), { statusCode: status })
    return { status, headers: given, body, error }
  }

  async close(): Promise<void> {
    await this.#app.close()
  }
}

async function describe(app: FastifyInstance): Promise<void> {
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
    // The validator of swagger.io would be asked for a badge otherwise.
    uiConfig: { url: '/openapi.json', validatorUrl: null, deepLinking: true },
    theme: { title: 'tallymesh API' },
  })
}
