import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, inServerLab, type ServerLab, until } from '../lab.js'
import { RawClient, rawPost } from '../raw-client.js'

const test = suite('the HTTP server')

const PATH = '/v1/counters/orders'

/** Sends bytes and waits for the end of the connection. */
async function exchange(lab: ServerLab, bytes: string): Promise<RawClient> {
  const server = lab.servers[0] as { readonly url: string }
  const client = await RawClient.open(server.url)
  client.write(bytes)
  await until(`the connection ends; so far: ${client.received}`, () => client.ended)
  return client
}

function problemOf(client: RawClient): Record<string, unknown> {
  const [, body = ''] = client.received.split('\r\n\r\n').slice(-2)
  assert.match(client.received, /content-type: application\/problem\+json/i)
  assert.match(client.received, /tallymesh-node: a\r\n/i)
  return JSON.parse(body) as Record<string, unknown>
}

test('answers what is not HTTP with a problem, and closes', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const cases: Array<[bytes: string, status: number]> = [
      ['nonsense\r\n\r\n', 400],
      ['GET / HTTP/9.9\r\n\r\n', 400],
      ['BREW /livez HTTP/1.1\r\nhost: lab\r\n\r\n', 400],
      ['GET /livez HTTP/1.1\r\n\r\n', 400],
      ['GET /livez HTTP/1.1\r\nhost: lab\r\nbad header\r\n\r\n', 400],
      ['GET /livez HTTP/1.1\r\nhost: lab\r\nx: \u0001\r\n\r\n', 400],
      [`GET /livez HTTP/1.1\r\nhost: lab\r\nx: ${'x'.repeat(33_000)}\r\n\r\n`, 431],
      [`GET /${'x'.repeat(33_000)} HTTP/1.1\r\nhost: lab\r\n\r\n`, 431],
      ['GET /livez HTTP/1.1\r\nhost: lab\r\nexpect: the-unexpected\r\n\r\n', 417],
      ['CONNECT example.org:443 HTTP/1.1\r\nhost: lab\r\n\r\n', 405],
    ]
    for (const [bytes, status] of cases) {
      const client = await exchange(lab, bytes)
      assert.equal(client.statuses, [status], bytes.slice(0, 60))
      const problem = problemOf(client)
      assert.is(problem.status, status)
      assert.is(problem.code, status === 405 ? 'METHOD_NOT_ALLOWED' : 'REQUEST_INVALID')
    }
    assert.is((await ask(server, '/livez')).status, 200)
  })())

test('says that nothing was counted where a request may have been an add', () =>
  inServerLab(async lab => {
    await lab.start('a')
    const post = `POST ${PATH} HTTP/1.1\r\n`
    const body = 'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nz\r\n'
    const cases: Array<[bytes: string, counted: false | undefined]> = [
      ['nonsense\r\n\r\n', false],
      [`${post}\r\n`, false],
      [`${post}host: lab\r\nbad header\r\n\r\n`, false],
      [`${post}host: lab\r\nx: ${'x'.repeat(33_000)}\r\n\r\n`, false],
      [`${post}host: lab\r\nexpect: the-unexpected\r\n\r\n`, false],
      [`${post}host: lab\r\n${body}`, false],
      ['GET /livez HTTP/1.1\r\n\r\n', undefined],
      ['GET /livez HTTP/1.1\r\nhost: lab\r\nbad header\r\n\r\n', undefined],
    ]
    for (const [bytes, counted] of cases) {
      const problem = problemOf(await exchange(lab, bytes))
      assert.is(problem.counted, counted, bytes.slice(0, 80))
      assert.is(/nothing was counted$/.test(problem.detail as string), counted === false, problem.detail as string)
    }
  })())

test('takes no request with two lengths: one of them would smuggle another request', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const smuggled = rawPost('/v1/counters/smuggled', '{"add":1}')
    const heads = [
      'content-length: 4\r\ntransfer-encoding: chunked\r\n',
      'transfer-encoding: chunked\r\ncontent-length: 4\r\n',
      'content-length: 4\r\ncontent-length: 5\r\n',
      'transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n',
      'transfer-encoding: xchunked\r\n',
      'transfer-encoding: chunked, identity\r\n',
      'content-length: +4\r\n',
      'content-length: -4\r\n',
      'content-length: 4, 4\r\n',
      'content-length : 4\r\n',
    ]
    for (const head of heads) {
      const bytes = `POST ${PATH} HTTP/1.1\r\nhost: lab\r\ncontent-type: application/json\r\n${head}\r\n0\r\n\r\n${smuggled}`
      const client = await exchange(lab, bytes)
      assert.equal(client.statuses, [400], `${head}${client.received}`)
    }
    assert.is(server.node.stats.commits, 0)
  })())

test('answers pipelined requests in order, and garbage behind them last', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const post = rawPost(PATH, '{"add":1}')
    const client = await exchange(lab, `${post}${post}GET ${PATH} HTTP/1.1\r\nhost: lab\r\n\r\ngarbage\r\n\r\n`)
    assert.equal(client.statuses, [200, 200, 200, 400])
    assert.is(server.node.counterByKey('orders').value, 2)
    const alone = await exchange(lab, `${post}\u0000\u0000`)
    assert.equal(alone.statuses, [200, 400], 'what was counted is said to be, whatever follows it')
    assert.is(server.node.counterByKey('orders').value, 3)
  })())

test('reads a request that comes a byte at a time', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const client = await RawClient.open(server.url)
    for (const byte of rawPost(PATH, '{"add":1}', { connection: 'close' })) {
      client.write(byte)
      await new Promise(resolve => setImmediate(resolve))
    }
    await until('it is answered', () => client.ended)
    assert.equal(client.statuses, [200])
    assert.is(server.node.counterByKey('orders').value, 1)
  })())

test('gives heads and bodies a time, and keeps nothing of those who are slower', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { headersTimeoutMs: 100, bodyTimeoutMs: 100 })
    const slowHead = await exchange(lab, 'GET /livez HTTP/1.1\r\nhost: lab\r\n')
    assert.equal(slowHead.statuses, [408])
    assert.is(problemOf(slowHead).code, 'REQUEST_INVALID')
    const slowBody = await exchange(lab, rawPost(PATH, '{"add":1}').slice(0, -1))
    assert.equal(slowBody.statuses, [408])
    assert.is(problemOf(slowBody).counted, false)
    const slowChunks = await exchange(
      lab,
      `POST ${PATH} HTTP/1.1\r\nhost: lab\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n`,
    )
    assert.equal(slowChunks.statuses, [408])
    const badChunk = await exchange(
      lab,
      `POST ${PATH} HTTP/1.1\r\nhost: lab\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nz\r\n`,
    )
    assert.equal(badChunk.statuses, [400])
    assert.is(server.node.stats.commits, 0)
  })())

test('lets an answer reach a client that reads it after it has sent, and serves nothing behind it', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { bodyBytesMax: 1_024 })
    const client = await RawClient.open(server.url, true)
    let broken = ''
    client.socket.on('error', ({ message }) => (broken = message))
    client.socket.pause()
    const body = ' '.repeat(100_000)
    const sends = 20
    const [head] = rawPost(PATH, '', { 'content-length': String(body.length * sends) }).split('\r\n\r\n')
    client.write(`${head}\r\n\r\n`)
    for (let sent = 0; sent < sends; sent++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      client.write(body)
    }
    client.write(rawPost(PATH, '{"add":1}'))
    client.socket.resume()
    await until('it is refused', () => client.statuses.length === 1 || client.ended)
    client.socket.end()
    await until('the connection is closed', () => client.ended)
    assert.equal([client.statuses, broken], [[413], ''])
    assert.match(client.received, /connection: close/i)
    assert.is(problemOf(client).code, 'BODY_TOO_LARGE')
    assert.is(server.node.stats.commits, 0)
  })())

test('does not wait for ever for the rest of a request that it has answered', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { bodyBytesMax: 1_024 })
    const client = await RawClient.open(server.url, true)
    client.write(rawPost(PATH, ' '.repeat(2_000), { 'content-length': '100000000' }))
    await until('it is refused', () => client.statuses.length === 1)
    await until('the connection is cut', () => {
      client.write(' ')
      return client.ended
    })
    assert.equal(client.statuses, [413])
  })())

test('drops connections over the limit, and serves the others', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { connectionsMax: 2 })
    const first = await RawClient.open(server.url)
    const second = await RawClient.open(server.url)
    const third = await RawClient.open(server.url)
    await until('the third is dropped', () => third.ended)
    first.write('GET /livez HTTP/1.1\r\nhost: lab\r\n\r\n')
    await until('the first is served', () => first.statuses.length === 1)
    first.close()
    second.close()
    await until('there is room again', async () => {
      const answer = await ask(server, '/metrics').catch(() => undefined)
      return answer !== undefined && /http_refused_total\{code="CONNECTIONS_MAX"\} [1-9]/.test(answer.text)
    })
  })())

test('serves a request that offers an upgrade to something else, with its body', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const offer = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    }
    const client = await RawClient.open(server.url)
    client.write(rawPost(PATH, '{"add":3}', offer))
    await until('it is answered', () => client.statuses.length === 1)
    client.write(rawPost(PATH, '{"add":4}', { ...offer, connection: 'upgrade, close' }))
    await until('the second is answered, and the connection closed', () => client.ended)
    assert.equal(client.statuses, [200, 200])
    assert.match(client.received, /"value":7/)
  })())

test('answers every path and method that it does not serve with a problem', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const cases: Array<[method: string, path: string, status: number, allow?: string]> = [
      ['GET', '/', 404],
      ['GET', '/v1', 404],
      ['GET', '/v1/counters/a/b', 404],
      ['PUT', '/v1/counters/a', 405, 'GET, HEAD, POST'],
      ['PATCH', '/v1/counters', 405, 'GET, HEAD, POST'],
      ['DELETE', '/v1/counters/a', 405, 'GET, HEAD, POST'],
      ['POST', '/v1/counters/a/watch', 405, 'GET'],
      ['GET', '/v1/members/a', 405, 'DELETE'],
      ['GET', '/v1/import', 405, 'POST'],
      ['HEAD', '/v1/export', 405, 'GET'],
      ['OPTIONS', '/livez', 405, 'GET, HEAD'],
      ['GET', '/v1/counters/%', 400],
      ['GET', '/v1/counters/%E0%A4%A', 400],
      ['GET', '/%zz', 400],
      ['GET', '/livez?x=1', 400],
      ['GET', '/metrics?prefix=a&prefix=b', 400],
    ]
    for (const [method, path, status, allow] of cases) {
      const answer = await ask(server, path, { method })
      assert.is(answer.status, status, `${method} ${path}: ${answer.text}`)
      assert.is(answer.headers.get('allow'), allow ?? null, `${method} ${path}`)
      assert.is(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
      if (method !== 'HEAD') assert.is(answer.json.status, status)
    }
    const unreadable = await ask(server, '/v1/counters/%zz', { method: 'POST' })
    assert.equal([unreadable.status, unreadable.json.counted], [400, false])
  })())

test.run()
