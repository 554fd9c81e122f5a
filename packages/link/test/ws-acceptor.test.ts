import { once } from 'node:events'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TallymeshError } from '@tallymesh/crdt'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dialWs, encodeFrame, FRAME_HELLO, tokenMatcher, WsAcceptor, type WsAcceptorOptions } from '../src/index.js'
import { SuiteNode, until } from '../src/suite.js'
import { throwsCode } from './samples.js'
import { HELLO, linked, Stranger } from './stranger.js'
import { type Listener, listen, turn } from './ws-node.js'

type Play = (node: SuiteNode, listener: Listener) => Promise<void>

/** Runs `play` against a node that listens. */
function listened(title: string, options: Partial<WsAcceptorOptions>, play: Play): void {
  test(title, async () => {
    const node = new SuiteNode('b')
    const listener = await listen(node, options)
    try {
      await play(node, listener)
    } finally {
      await listener.close()
    }
  })
}

/** Bytes of buffers that are in use. */
function bufferedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  return process.memoryUsage().arrayBuffers
}

/** The node ends its link with `code` within the deadline, having delivered nothing. */
async function endsWith(node: SuiteNode, code: string): Promise<void> {
  await until(`the link to end with ${code}`, () => node.over, turn)
  assert.is(node.reason?.code, code, node.reason?.message)
  assert.is(node.story, 'open closed')
}

for (const [what, bytes] of Object.entries({
  garbage: 'ÿþ not a WebSocket frame at all',
  'a reserved opcode': '\x8f\x80',
})) {
  listened(`${what} on the socket is FRAME_DAMAGED`, {}, async (node, listener) => {
    const stranger = await linked(node, listener)
    stranger.socket.write(Buffer.from(bytes, 'latin1'))
    await endsWith(node, 'FRAME_DAMAGED')
  })
}

listened('a text message is FRAME_DAMAGED, and the peer is told', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  stranger.ws.send('hello')
  stranger.ws.send(encodeFrame(16, Uint8Array.of(1)))
  await endsWith(node, 'FRAME_DAMAGED')
  await stranger.closed()
  assert.equal([stranger.told?.code, stranger.closeCode], ['FRAME_DAMAGED', 1008])
})

listened('a frame of a kind of the link is FRAME_DAMAGED once it is open', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  stranger.ws.send(HELLO)
  await endsWith(node, 'FRAME_DAMAGED')
})

listened('a message of 100 MB is FRAME_TOO_LARGE, and is not gathered', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  const before = bufferedBytes()
  // A masked binary frame that announces 100,000,000 bytes, and then as many as the socket takes.
  const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeBigUInt64BE(100_000_000n, 2)
  stranger.socket.on('error', () => {})
  stranger.socket.write(header)
  const chunk = Buffer.alloc(65_536)
  for (let sent = 0; sent < 100_000_000 && !node.over && stranger.socket.writable; sent += chunk.length) {
    if (!stranger.socket.write(chunk)) await turn()
  }
  await endsWith(node, 'FRAME_TOO_LARGE')
  assert.ok(bufferedBytes() - before < 10_000_000)
})

listened('a message a little too long is told by the code of the close', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  stranger.ws.send(Buffer.alloc(1_048_576 + 6))
  await endsWith(node, 'FRAME_TOO_LARGE')
  await stranger.closed()
  assert.is(stranger.closeCode, 1009)
})

listened(
  'a peer that stops reading is cut, and the queue stays bounded',
  { queueBytesMax: 2_000_000 },
  async (node, at) => {
    const stranger = await linked(node, at)
    stranger.socket.pause()
    const body = new Uint8Array(100_000)
    let queuedMax = 0
    for (let i = 0; i < 1000 && !node.over; i++) {
      node.link.send(16, body)
      queuedMax = Math.max(queuedMax, node.link.queuedBytes)
      await turn()
    }
    await endsWith(node, 'PEER_SLOW')
    assert.ok(queuedMax > 1_800_000 && queuedMax <= 2_000_100, `${queuedMax}`)
    assert.is(at.acceptor.connections, 0)
  },
)

listened(
  'a peer that sends pings and reads no pongs is cut by ws, with a bounded queue',
  {},
  async (node, listener) => {
    const stranger = await linked(node, listener)
    stranger.socket.pause()
    const ping = Buffer.alloc(125)
    let queuedMax = 0
    await until(
      'the link to end',
      () => {
        for (let i = 0; i < 1000 && stranger.socket.writableLength < 1_000_000; i++) stranger.ws.ping(ping)
        queuedMax = Math.max(queuedMax, node.link.queuedBytes)
        return node.over
      },
      turn,
    )
    await endsWith(node, 'LINK_FAILED')
    assert.ok(queuedMax < 8_000_000, `${queuedMax}`)
  },
)

listened('a close ends within a bounded time although the peer does not answer it', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  stranger.socket.pause()
  node.link.close()
  await until('the end', () => node.over, turn, 3000)
  assert.is(node.reason, undefined)
})

listened('a socket that resets is LINK_FAILED', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  stranger.socket.resetAndDestroy()
  await endsWith(node, 'LINK_FAILED')
})

listened('a peer that closes as WebSockets do is no error; frames sent meanwhile are dropped', {}, async (node, at) => {
  const stranger = await linked(node, at)
  node.react = heard => heard.type === 'closed' && heard.link.send(16, Uint8Array.of(1))
  stranger.ws.close()
  await until('the end', () => node.over, turn)
  assert.is(node.reason, undefined)
})

listened(
  'a stranger that says no hello is refused after handshakeMs, and told',
  { handshakeMs: 30 },
  async (node, at) => {
    const stranger = await new Stranger(at.url).answered()
    await stranger.closed()
    assert.equal([node.story, stranger.told?.code], ['refused', 'LINK_FAILED'])
    assert.match(stranger.told?.message ?? '', /30 ms/)
  },
)

listened('a stranger that speaks another protocol is refused, and told', {}, async (node, listener) => {
  const stranger = await new Stranger(listener.url).answered()
  stranger.ws.send(encodeFrame(FRAME_HELLO, Buffer.from('y-websocket')))
  await stranger.closed()
  assert.equal([node.reason?.code, stranger.told?.code], ['WRONG_PROTOCOL', 'WRONG_PROTOCOL'])
})

listened('a wrong token is 401 before the upgrade', { authorize: tokenMatcher(['good']) }, async (node, { url }) => {
  for (const headers of [{}, { Authorization: 'Bearer bad' }, { Authorization: 'Basic good' }]) {
    assert.is((await new Stranger(url, { headers }).answered()).status, 401)
  }
  assert.is((await new Stranger(url, { headers: { Authorization: 'Bearer good' } }).answered()).status, undefined)
  assert.not.match(node.story, /open/)
})

listened(
  'an Origin is 403 unless it is allowed',
  { originsAllowed: ['https://ok.example'] },
  async (_node, { url }) => {
    assert.is((await new Stranger(url, { origin: 'https://evil.example' }).answered()).status, 403)
    assert.is((await new Stranger(url, { origin: 'https://ok.example' }).answered()).status, undefined)
  },
)

listened('an Origin is 403 by default', {}, async (_node, { url }) => {
  assert.is((await new Stranger(url, { origin: 'http://localhost' }).answered()).status, 403)
})

listened(
  'connections over the limit are 503, and a dialer reads that as LINK_FAILED',
  { connectionsMax: 2 },
  async (_node, at) => {
    const [first] = await Promise.all([new Stranger(at.url).answered(), new Stranger(at.url).answered()])
    const late = new SuiteNode('late')
    dialWs(at.url, { handshake: late, events: late })
    await until('a refusal', () => late.over, turn)
    assert.is(late.reason?.code, 'LINK_FAILED')
    first.ws.terminate()
    await until('a free place', () => at.acceptor.connections < 2, turn)
    assert.is((await new Stranger(at.url).answered()).status, undefined)
  },
)

listened('a request that is no WebSocket handshake gets an HTTP error', {}, async (node, { port }) => {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /mesh HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1.1 400/)
  assert.is(node.story, '')
})

listened(
  'a client that resets while it is refused does no harm',
  { authorize: () => false },
  async (_node, { url, port }) => {
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write('GET /mesh HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      await turn()
      socket.resetAndDestroy()
    }
    assert.is((await new Stranger(url).answered()).status, 401)
  },
)

listened('closing tells all peers, ends all links, and takes no more', {}, async (node, listener) => {
  const stranger = await linked(node, listener)
  const silent = await new Stranger(listener.url).answered()
  await until('both connections', () => listener.acceptor.connections === 2, turn)
  await listener.acceptor.close(new TallymeshError('LINK_FAILED', 'node b restarts'))
  assert.is(listener.acceptor.connections, 0)
  await Promise.all([stranger.closed(), silent.closed()])
  assert.equal([stranger.told?.message, silent.told?.code], ['node b restarts', 'LINK_FAILED'])
  assert.is(node.story, 'open refused closed')
  assert.is((await new Stranger(listener.url).answered()).status, 503)
})

const GOOD = { headers: { Authorization: 'Bearer good' } }
let admitted = ['good', 'other']

listened(
  'links whose token is not admitted any more are closed, and told',
  { authorize: token => admitted.includes(token ?? '') },
  async (node, listener) => {
    const stranger = await new Stranger(listener.url, GOOD).answered()
    stranger.ws.send(HELLO)
    await until('the link', () => node.story === 'open', turn)
    const silent = await new Stranger(listener.url, { headers: { Authorization: 'Bearer other' } }).answered()
    await until('both connections', () => listener.acceptor.connections === 2, turn)
    listener.acceptor.recheck()
    await turn()
    assert.is(node.story, 'open', 'both are admitted still')
    admitted = []
    listener.acceptor.recheck()
    listener.acceptor.recheck()
    await Promise.all([stranger.closed(), silent.closed()])
    assert.equal([stranger.told?.code, silent.told?.code], ['UNAUTHORIZED', 'UNAUTHORIZED'])
    assert.is(stranger.told?.message, 'the token of node "api-1" is not valid any more; give it one that is')
    assert.is(silent.told?.message, 'the token shown is not valid any more; give it one that is')
    assert.is((await new Stranger(listener.url, GOOD).answered()).status, 401)
  },
)

test('options are checked', () => {
  const node = new SuiteNode('a')
  const options = { handshake: node, events: node, authorize: () => true }
  for (const name of ['queueBytesMax', 'handshakeMs', 'connectionsMax']) {
    throwsCode(() => new WsAcceptor({ ...options, [name]: 1.5 }), 'INVALID_OPTION')
  }
})

test.run()
