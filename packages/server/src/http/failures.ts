import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasBody } from './access.js'
import { lingerAfterAnswer } from './lingering.js'
import { HttpError, headerText, isExpected, PROBLEM_TYPE, problemHeaders, problemOf } from './problem.js'
import { UNREADABLE } from './query-string.js'
import type { Serving } from './serving.js'

const SHOWN_MAX = 80

/** Makes every failure of a route, and every request without a route, a problem answer. */
export function answerFailures(app: FastifyInstance, serving: Serving): void {
  const methods = new MethodsByPath()
  app.addHook('onRoute', ({ method, url }) => methods.add(method, url))
  app.setErrorHandler((error, request, reply) => {
    const { config, url } = request.routeOptions
    const told = translated(error)
    if (!isExpected(told)) {
      serving.log.error({ err: error, method: request.method, route: url }, 'a request failed unexpectedly')
    }
    return answer(serving, request, reply, told, config?.adds === true)
  })
  app.setNotFoundHandler((request, reply) => {
    const { http } = serving.metrics
    const posts = request.method === 'POST'
    const found = methods.at(request.raw.url as string)
    // A route that takes this method, and found nothing: a file of the documentation.
    const allowed = found.includes(request.method) ? [] : found
    http.route(request.method, 'unmatched').answered(allowed.length > 0 ? 405 : 404, 0)
    if (allowed.length === 0)
      return answer(serving, request, reply, new TallymeshError('NOT_FOUND', 'nothing is served here'), posts)
    reply.header('allow', allowed.join(', '))
    const text = `this path takes ${allowed.join(', ')}, not ${request.method}`
    return answer(serving, request, reply, new TallymeshError('METHOD_NOT_ALLOWED', text), posts)
  })
}

/** Answers what Fastify refuses before it looks for a route. */
export function answerBadUrl(serving: Serving, request: FastifyRequest, reply: FastifyReply): void {
  serving.metrics.http.route(request.method, 'unmatched').answered(400, 0)
  const text = 'the path of the URL has a bad percent-encoding, or is too long; nothing was counted'
  answer(serving, request, reply, new TallymeshError('REQUEST_INVALID', text), request.method === 'POST')
}

function answer(serving: Serving, request: FastifyRequest, reply: FastifyReply, error: unknown, adds = false) {
  const problem = problemOf(error, adds)
  serving.metrics.http.refused(problem.code)
  reply.header('tallymesh-node', headerText(serving.name))
  for (const [name, value] of Object.entries(problemHeaders(problem))) {
    if (!reply.hasHeader(name)) reply.header(name, value)
  }
  // What is left of a body would be read for nothing, at the pace of its sender.
  const unread = !request.raw.complete && hasBody(request)
  if (unread) lingerAfterAnswer(request.raw.socket)
  if (unread || serving.readiness.draining) reply.header('connection', 'close')
  else reply.removeHeader('connection')
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).send(JSON.stringify(problem))
}

/** Fastify's errors in the terms of the contract. */
function translated(error: unknown): unknown {
  if (error instanceof TallymeshError) return error
  const { code, statusCode, validation, validationContext, message } = error as FastifyError
  if (validation) return invalid(validation[0], validationContext ?? 'request')
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return unsupported()
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new TallymeshError('BODY_TOO_LARGE', 'the body is over the limit of this server; nothing was counted')
  }
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return error
  return new HttpError(statusCode, statusCode === 404 ? 'NOT_FOUND' : 'REQUEST_INVALID', message, { cause: error })
}

/** What is said to a body of another type. */
export function unsupported(): TallymeshError {
  const text = 'the body must be sent as Content-Type: application/json, in UTF-8 and without Content-Encoding'
  return new TallymeshError('MEDIA_TYPE_UNSUPPORTED', `${text}; nothing was counted`)
}

/** The first breach of a schema, as a sentence. */
function invalid(breach: NonNullable<FastifyError['validation']>[number] | undefined, where: string): TallymeshError {
  const { instancePath = '', message = 'is not valid', params = {} } = breach ?? {}
  if (where === 'body' && instancePath.endsWith('/add')) {
    const text = `body${instancePath}: an amount must be an integer from 1 to 2^53 - 1, or one below zero`
    return new TallymeshError('INVALID_AMOUNT', `${text}; nothing was counted`)
  }
  if (instancePath === '/replicas') {
    const text = `${where}/replicas must be an integer from 1 to 1000, or "majority"`
    return new TallymeshError('REQUEST_INVALID', `${text}; nothing was counted`)
  }
  const { additionalProperty, allowedValues } = params as { additionalProperty?: string; allowedValues?: unknown[] }
  if (additionalProperty === UNREADABLE) {
    return new TallymeshError('REQUEST_INVALID', 'the query string has a bad percent-encoding; nothing was counted')
  }
  const unknown = additionalProperty === undefined ? '' : `: ${JSON.stringify(additionalProperty.slice(0, SHOWN_MAX))}`
  const allowed = allowedValues === undefined ? '' : `: ${allowedValues.join(', ')}`
  return new TallymeshError(
    'REQUEST_INVALID',
    `${where}${instancePath} ${message}${unknown}${allowed}; nothing was counted`,
  )
}

/** Which methods a path takes. */
class MethodsByPath {
  readonly #paths = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>()

  add(method: string | readonly string[], url: string): void {
    // The route for preflight requests stands for every path.
    if (url === '*') return
    let path = this.#paths.get(url)
    if (!path) this.#paths.set(url, (path = { pattern: patternOf(url), methods: new Set() }))
    for (const one of typeof method === 'string' ? [method] : method) path.methods.add(one)
  }

  at(url: string): string[] {
    const path = url.split('?', 1)[0] as string
    const found = [...this.#paths.values()].filter(({ pattern }) => pattern.test(path))
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort()
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map(part => {
    if (part.startsWith(':')) return '[^/]+'
    return part === '*' ? '.*' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
