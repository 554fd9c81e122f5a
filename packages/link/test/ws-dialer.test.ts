import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { dialWs, WsAcceptor, type WsDialOptions } from '../src/index.js'
import { SuiteNode, until } from '../src/suite.js'
import { CERTIFICATE, CERTIFICATE_KEY } from './certificate.js'
import { throwsCode } from './samples.js'
import { ended, listen, listening, tracked, turn } from './ws-node.js'

/** Dials a server that is no tallymesh node, and gives what the dialer reports. */
async function dialed(server: Server, options: Partial<WsDialOptions> = {}): Promise<SuiteNode> {
  const node = new SuiteNode('a')
  const port = await listening(tracked(server))
  try {
    dialWs(`ws://127.0.0.1:${port}`, { handshake: node, events: node, ...options })
    await until('the dialer to end', () => node.over, turn)
    assert.is(node.heard.at(-1)?.type === 'refused' && node.heard.at(-1)?.type, 'refused')
  } finally {
    await ended(server)
  }
  return node
}

function rawServer(answer: (socket: Socket) => void): Server {
  return createServer(socket => socket.once('data', () => answer(socket)))
}

test('nobody listens: LINK_FAILED with the address', async () => {
  const server = createServer()
  const port = await listening(server)
  await ended(server)
  const node = new SuiteNode('a')
  dialWs(`ws://127.0.0.1:${port}`, { handshake: node, events: node })
  await until('the dialer to end', () => node.over, turn)
  assert.is(node.reason?.code, 'LINK_FAILED')
  assert.match(node.reason?.message ?? '', new RegExp(`ws://127.0.0.1:${port}/ .*ECONNREFUSED`))
})

test('an HTTP server that is no WebSocket server: WRONG_PROTOCOL with the status', async () => {
  const node = await dialed(createHttpServer((_request, response) => response.end('hello')))
  assert.is(node.reason?.code, 'WRONG_PROTOCOL')
  assert.match(node.reason?.message ?? '', /HTTP 200/)
})

test('redirects are not followed', async () => {
  const elsewhere = createHttpServer((_request, response) => response.writeHead(302, { Location: '/x' }).end())
  assert.match((await dialed(elsewhere)).reason?.message ?? '', /HTTP 302/)
})

test('a server that does not admit this node: UNAUTHORIZED, with what may be missing', async () => {
  const refused = async (headers: Record<string, string>) => {
    const { reason } = await dialed(createHttpServer((_request, response) => response.writeHead(403, headers).end()))
    return `${reason?.code}: ${reason?.message}`
  }
  assert.match(await refused({}), /^UNAUTHORIZED: .*HTTP 403.*scope peer/)
  assert.match(await refused({ 'Tallymesh-Code': 'FORBIDDEN' }), /^UNAUTHORIZED: /)
  assert.match(await refused({ 'Tallymesh-Code': 'CERTIFICATE_REFUSED' }), /^CERTIFICATE_REFUSED: .*authority/)
})

test('a proxy without its server: LINK_FAILED with the status', async () => {
  const node = await dialed(createHttpServer((_request, response) => response.writeHead(502).end()))
  assert.is(node.reason?.code, 'LINK_FAILED')
  assert.match(node.reason?.message ?? '', /HTTP 502/)
})

test('a server that speaks no HTTP: WRONG_PROTOCOL', async () => {
  const node = await dialed(rawServer(socket => socket.end('220 mail.example ESMTP\r\n')))
  assert.is(node.reason?.code, 'WRONG_PROTOCOL')
})

test('an upgrade with a wrong key: WRONG_PROTOCOL', async () => {
  const answer = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  const node = await dialed(rawServer(socket => socket.end(`${answer}Sec-WebSocket-Accept: no\r\n\r\n`)))
  assert.is(node.reason?.code, 'WRONG_PROTOCOL')
})

test('a server that hangs up: LINK_FAILED', async () => {
  const node = await dialed(rawServer(socket => socket.destroy()))
  assert.is(node.reason?.code, 'LINK_FAILED')
})

test('a server that never answers: LINK_FAILED after connectTimeoutMs', async () => {
  const node = await dialed(createServer(), { connectTimeoutMs: 30 })
  assert.is(node.reason?.code, 'LINK_FAILED')
  assert.match(node.reason?.message ?? '', /within 30 ms/)
})

/** A WebSocket server on which `answer` runs for each connection. */
async function dialedWs(answer: (ws: import('ws').WebSocket) => void, options: Partial<WsDialOptions> = {}) {
  const server = createHttpServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', ws => {
    ws.on('error', () => {})
    answer(ws)
  })
  return dialed(server, options)
}

test('a WebSocket server that says nothing: LINK_FAILED after handshakeMs', async () => {
  const node = await dialedWs(() => {}, { handshakeMs: 30 })
  assert.is(node.reason?.code, 'LINK_FAILED')
  assert.match(node.reason?.message ?? '', /no hello within 30 ms/)
})

test('a WebSocket server of another kind: refused by its first message', async () => {
  assert.is((await dialedWs(ws => ws.send('{"hello":1}'))).reason?.code, 'FRAME_DAMAGED')
  assert.is((await dialedWs(ws => ws.send(Uint8Array.of(0, 0, 1)))).reason?.code, 'FRAME_DAMAGED')
})

test('a WebSocket server that closes before its hello: refused with what its close says', async () => {
  const codes = { 1000: 'LINK_FAILED', 1011: 'LINK_FAILED', 1009: 'FRAME_TOO_LARGE', 1003: 'FRAME_DAMAGED' }
  for (const [code, expected] of Object.entries(codes)) {
    assert.is((await dialedWs(ws => ws.close(Number(code), 'because'))).reason?.code, expected)
  }
  assert.match((await dialedWs(ws => ws.close(4001, 'because'))).reason?.message ?? '', /4001 "because"/)
  assert.match((await dialedWs(ws => ws.close(4001))).reason?.message ?? '', /4001$/)
})

test('a wrong token is UNAUTHORIZED, the right one opens, and it is sent in a header only', async () => {
  const [a, b] = [new SuiteNode('a'), new SuiteNode('b')]
  const listener = await listen(b, { authorize: token => token === 's3cret' })
  try {
    for (const token of [undefined, 'wrong']) {
      dialWs(listener.url, { handshake: a, events: a, token })
      await until('a refusal', () => a.over, turn)
      assert.is(a.reason?.code, 'UNAUTHORIZED')
      a.heard.length = 0
    }
    assert.is(b.story, '')
    dialWs(listener.url, { handshake: a, events: a, token: 's3cret' })
    await until('the link', () => a.story === 'open' && b.story === 'open', turn)
  } finally {
    await listener.close()
  }
})

test('wss opens with a certificate that the dialer trusts, and only then', async () => {
  const b = new SuiteNode('b')
  const acceptor = new WsAcceptor({ handshake: b, events: b, authorize: () => true })
  const server = tracked(createHttpsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }))
  server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head))
  const url = `wss://127.0.0.1:${await listening(server)}`
  try {
    const wary = new SuiteNode('wary')
    dialWs(url, { handshake: wary, events: wary })
    await until('a refusal', () => wary.over, turn)
    assert.is(wary.reason?.code, 'CERTIFICATE_REFUSED')
    assert.match(wary.reason?.message ?? '', /signed by nobody whom this node trusts/)
    const a = new SuiteNode('a')
    dialWs(url, { handshake: a, events: a, tls: { ca: CERTIFICATE } })
    await until('the link', () => a.story === 'open' && b.story === 'open', turn)
    a.link.send(16, new Uint8Array(1_000_000))
    await until('the frame', () => b.frames.length === 1, turn)
    a.link.close()
    await until('the end', () => a.over && b.over, turn)
  } finally {
    await acceptor.close()
    await ended(server)
  }
})

test('options and addresses are checked before anything is dialed', () => {
  const node = new SuiteNode('a')
  const options = { handshake: node, events: node }
  throwsCode(() => dialWs('http://api:1', options), 'INVALID_URL')
  for (const name of ['queueBytesMax', 'handshakeMs', 'connectTimeoutMs']) {
    throwsCode(() => dialWs('ws://127.0.0.1:1', { ...options, [name]: 0 }), 'INVALID_OPTION')
  }
  throwsCode(() => dialWs('ws://127.0.0.1:1', { ...options, token: 'line\r\nbreak' }), 'INVALID_OPTION')
})

test('an attempt can be cancelled at any point, twice too', async () => {
  const a = new SuiteNode('a')
  // While it connects, and in the last round while it waits for the hello of the other side.
  for (const turns of [0, 1, 2, 3, 5, 8, 13]) {
    const silent = tracked(createHttpServer())
    const sockets = new WebSocketServer({ server: silent })
    const dialing = dialWs(`ws://127.0.0.1:${await listening(silent)}`, { handshake: a, events: a })
    for (let i = 0; i < turns; i++) await turn()
    if (turns === 13) await until('the upgrade', () => sockets.clients.size === 1, turn)
    dialing.cancel()
    dialing.cancel()
    await until('the connection to go', () => sockets.clients.size === 0, turn)
    await ended(silent)
  }
  assert.is(a.story, '')
})

test.run()
