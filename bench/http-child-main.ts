import type { AddressInfo } from 'node:net'
import { startServer, type TallymeshServer } from '@tallymesh/server'
import autocannon from 'autocannon'
import { fastify } from 'fastify'
import type { HttpAnswer, HttpRequest, Load, Loaded } from './http-child.js'
import { SharedPut } from './shared-put.js'

// The process that `HttpChild` starts. It ends with its parent.
let server: TallymeshServer | undefined

process.on('disconnect', () => {
  const closed = server?.close() ?? Promise.resolve()
  closed.catch(() => {}).finally(() => process.exit())
})
process.on('message', (request: HttpRequest) => {
  const send = (told: HttpAnswer) => process.send?.(told)
  answer(request).then(send, (error: unknown) =>
    send({ error: error instanceof Error ? String(error.stack) : String(error) }),
  )
})

async function answer(request: HttpRequest): Promise<HttpAnswer> {
  switch (request.type) {
    case 'tallymesh': {
      const { dataDir, runtimeDir } = request
      const listen = { host: '127.0.0.1', port: 0 }
      server = await startServer({ name: 'bench', room: 'bench', dataDir, runtimeDir, listen, shutdownTimeoutMs: 0 })
      return { url: server.url }
    }
    case 'fastify':
      return { url: await serveNothing(request.dataDir) }
    case 'load':
      return { loaded: await load(request) }
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      return { ms: (user + system) / 1000 }
    }
    default: {
      const unreachable: never = request
      throw new TypeError(`unknown request ${JSON.stringify(unreachable)}`)
    }
  }
}

const ENTRY = {
  type: 'object',
  required: ['key', 'value'],
  properties: { key: { type: 'string' }, value: { type: 'integer' } },
}
const PUT_BYTES = 1_000
const ADD = { type: 'integer', minimum: -Number.MAX_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }

/** What a Fastify server costs that takes the same bodies, checks them, and answers as much.
 *  @param dataDir each answer waits until a put here is synced */
async function serveNothing(dataDir: string | undefined): Promise<string> {
  const app = fastify()
  const put = dataDir === undefined ? undefined : await SharedPut.open(dataDir, PUT_BYTES)
  const preHandler = async () => await put?.ask()
  app.post<{ Params: { key: string }; Body: { add: number } }>('/v1/counters/:key', {
    schema: {
      body: { type: 'object', required: ['add'], additionalProperties: false, properties: { add: ADD } },
      response: { 200: ENTRY },
    },
    ...(put && { preHandler }),
    handler: (request, reply) => reply.send({ key: request.params.key, value: request.body.add }),
  })
  const item = {
    type: 'object',
    required: ['key', 'add'],
    additionalProperties: false,
    properties: { key: { type: 'string' }, add: ADD },
  }
  app.post<{ Body: Array<{ key: string; add: number }> }>('/v1/counters', {
    schema: { body: { type: 'array', items: item }, response: { 200: { type: 'array', items: ENTRY } } },
    ...(put && { preHandler }),
    handler: (request, reply) => reply.send(request.body.map(({ key, add }) => ({ key, value: add }))),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

async function load({ url, paths, body, connections, pipelining = 1, durationMs }: Load): Promise<Loaded> {
  const latenciesMs: number[] = []
  const headers = { 'content-type': 'application/json' }
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(
      {
        ...{ url, connections, pipelining, duration: durationMs / 1000, method: 'POST', headers, body },
        requests: paths.map(path => ({ path })),
      },
      (error, found) => (error ? reject(error) : resolve(found)),
    )
    run.on('response', (_client, status, _bytes, tookMs) => {
      if (status === 200) latenciesMs.push(tookMs)
    })
  })
  const { errors, timeouts, non2xx, duration } = result
  const failed = errors + timeouts + non2xx
  return { ok: latenciesMs.length, latenciesMs: Float64Array.from(latenciesMs), durationMs: duration * 1000, failed }
}
