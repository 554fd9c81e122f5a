import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TallymeshClient } from '../src/index.js'
import { failsWith } from './failing.js'
import { nobody } from './scripted-server.js'

const test = suite('watch')

/** A server whose event streams the test writes. */
class StreamServer {
  readonly paths: string[] = []
  readonly afters: Array<string | undefined> = []
  readonly #server: Server
  readonly #streams: ServerResponse[] = []
  #waiting: Array<(stream: ServerResponse) => void> = []
  /** Answers in place of a stream, first come first. */
  readonly refusals: Array<(response: ServerResponse) => void> = []

  constructor() {
    this.#server = createServer((request, response) => {
      this.paths.push(request.url ?? '')
      this.afters.push(request.headers['tallymesh-after'] as string | undefined)
      const refusal = this.refusals.shift()
      if (refusal) return refusal(response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      const waiting = this.#waiting.shift()
      if (waiting) waiting(response)
      else this.#streams.push(response)
    })
  }

  static async start(): Promise<StreamServer> {
    const server = new StreamServer()
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stream(): Promise<ServerResponse> {
    const there = this.#streams.shift()
    return there ? Promise.resolve(there) : new Promise(resolve => this.#waiting.push(resolve))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

const show = (stream: ServerResponse, value: unknown) =>
  stream.write(`data: ${JSON.stringify({ key: 'a', value })}\n\n`)
const retry = { backoffMinMs: 1, backoffMaxMs: 5 }

test('shows the value at once and then its changes', async () => {
  const server = await StreamServer.start()
  const client = new TallymeshClient({ urls: [server.url], position: '9f:3' })
  const values = client.watch('a{b="x"}', { intervalMs: 50 })
  const first = values.next()
  const stream = await server.stream()
  assert.equal(server.paths, [`/v1/counters/${encodeURIComponent('a{b="x"}')}/watch?intervalMs=50`])
  assert.equal(server.afters, ['9f:3'])
  show(stream, 1)
  assert.equal((await first).value, { key: 'a', value: 1 })
  stream.write(': heartbeat\n\nevent: other\ndata: {}\n\ndata: nonsense\n\n')
  show(stream, 1)
  show(stream, '9007199254740993')
  assert.equal((await values.next()).value, { key: 'a', value: 9007199254740993n })
  const closed = once(stream, 'close')
  await values.return()
  await closed
  await Promise.all([client.close(), server.close()])
})

test('goes on with another server when a stream breaks or ends, and shows no value twice in a row', async () => {
  const [a, b] = [await StreamServer.start(), await StreamServer.start()]
  const client = new TallymeshClient({ urls: [a.url, b.url], retry })
  const values = client.watch('a')
  const first = values.next()
  const broken = await a.stream()
  show(broken, 1)
  assert.is((await first).value?.value, 1)
  const second = values.next()
  broken.destroy()
  const drained = await b.stream()
  show(drained, 1)
  show(drained, 2)
  assert.is((await second).value?.value, 2)
  const third = values.next()
  drained.write('event: end\ndata: draining\n\n')
  const silent = await a.stream()
  show(silent, 2)
  silent.end()
  // All of a stream was read once the next one begins.
  show(await b.stream(), 3)
  assert.is((await third).value?.value, 3)
  await values.return()
  await Promise.all([client.close(), a.close(), b.close()])
})

test('who reads slowly gets the latest', async () => {
  const server = await StreamServer.start()
  const client = new TallymeshClient({ urls: [server.url], retry })
  const values = client.watch('a')
  const first = values.next()
  const stream = await server.stream()
  show(stream, 0)
  await first
  for (let value = 1; value <= 100; value++) show(stream, value)
  stream.end()
  // The stream after it begins once all of the first was read.
  const again = await server.stream()
  assert.is((await values.next()).value?.value, 100)
  again.end()
  await values.return()
  await Promise.all([client.close(), server.close()])
})

test('a server that refuses for good ends it; one that is not ready or answers nonsense does not', async () => {
  const server = await StreamServer.start()
  const problem = (status: number, code: string) => (response: ServerResponse) => {
    response
      .writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': '0' })
      .end(JSON.stringify({ code }))
  }
  server.refusals.push(problem(503, 'NOT_READY'), problem(504, 'NOT_CAUGHT_UP'))
  server.refusals.push(response =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"key":"a","value":1}'),
  )
  server.refusals.push(response => response.destroy(), problem(403, 'FORBIDDEN'))
  const client = new TallymeshClient({ urls: [server.url], retry })
  assert.is((await failsWith(client.watch('a').next(), 'FORBIDDEN')).status, 403)
  assert.is(server.paths.length, 5)
  const badToken = new TallymeshClient({ urls: [server.url], token: () => 'no\nline' })
  await failsWith(badToken.watch('a').next(), 'INVALID_TOKEN')
  await Promise.all([client.close(), server.close()])
})

test('without a first value until the deadline it fails', async () => {
  const client = new TallymeshClient({ urls: [await nobody()], retry, deadlineMs: 100 })
  const error = await failsWith(client.watch('a').next(), 'UNREACHABLE')
  assert.match(error.message, 'no server showed the counter within 100 ms')
  const server = await StreamServer.start()
  const behind = new TallymeshClient({ urls: [server.url], retry, deadlineMs: 50 })
  server.refusals.push(
    ...Array.from({ length: 10_000 }, () => (response: ServerResponse) => {
      response.writeHead(504, { 'content-type': 'application/problem+json' }).end('{"code":"NOT_CAUGHT_UP"}')
    }),
  )
  await failsWith(behind.watch('a').next(), 'NOT_CAUGHT_UP')
  await Promise.all([client.close(), behind.close(), server.close()])
})

test('a stream that shows nothing in time is given up', async () => {
  const [a, b] = [await StreamServer.start(), await StreamServer.start()]
  const client = new TallymeshClient({ urls: [a.url, b.url], retry, timeoutMs: 500 })
  const first = client.watch('a').next()
  show(await b.stream(), 4)
  assert.is((await first).value?.value, 4)
  await Promise.all([client.close(), a.close(), b.close()])
})

test('a signal ends it, before, between and during values', async () => {
  const server = await StreamServer.start()
  const client = new TallymeshClient({ urls: [server.url], retry })
  assert.ok((await client.watch('a', { signal: AbortSignal.abort() }).next()).done)
  const stop = new AbortController()
  const seen: unknown[] = []
  const following = (async () => {
    for await (const { value } of client.watch('a', { signal: stop.signal })) {
      seen.push(value)
      if (value === 2) stop.abort()
    }
  })()
  const stream = await server.stream()
  show(stream, 2)
  await following
  assert.equal(seen, [2])
  await Promise.all([client.close(), server.close()])
})

test('closing the client ends it, also between two servers', async () => {
  const server = await StreamServer.start()
  const client = new TallymeshClient({ urls: [server.url], retry: { backoffMinMs: 60_000 } })
  const values = client.watch('a')
  const first = values.next()
  const stream = await server.stream()
  show(stream, 1)
  await first
  const second = values.next()
  stream.destroy()
  await once(stream, 'close')
  await client.close()
  assert.ok((await second).done)
  await server.close()
})

test.run()
