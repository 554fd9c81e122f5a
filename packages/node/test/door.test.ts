import { once } from 'node:events'
import { CounterView, counterKey, readCounters } from '@tallymesh/crdt'
import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type RawData, WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Door } from '../src/door.js'
import type { TallymeshNode } from '../src/node.js'
import { agreed, Gate, inLab, meshed } from './lab.js'
import { refusal, turn, until, within } from './wait.js'

const door = suite('door')

interface Client {
  readonly doc: Y.Doc
  readonly provider: WebsocketProvider
  value(key: string): number
  close(): void
}

/** The stock client. */
function join(node: TallymeshNode, room: string, protocols: string[] = []): Client {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`${(node.url as string).replace(/\/$/, '')}/yjs`, room, doc, {
    WebSocketPolyfill: WebSocket as never,
    protocols,
    disableBc: true,
    maxBackoffTime: 50,
  })
  const view = new CounterView(doc)
  return {
    ...{ doc, provider },
    value: key => view.value(counterKey(key)),
    close() {
      provider.destroy()
      doc.destroy()
    },
  }
}

function raw(node: TallymeshNode, path = '/yjs/lab', options: object = {}, protocols: string[] = []): WebSocket {
  const socket = new WebSocket(`${(node.url as string).replace(/\/$/, '')}${path}`, protocols, options)
  socket.on('error', () => {})
  return socket
}

/** The HTTP status and text with which a client is refused. */
async function refused(socket: WebSocket): Promise<string> {
  const [, response] = await within('the client is refused', once(socket, 'unexpected-response'))
  let text = `${response.statusCode} `
  for await (const part of response) text += part
  return text.trim()
}

async function next(socket: WebSocket): Promise<number[]> {
  const [data] = (await within('a message comes', once(socket, 'message'))) as [RawData]
  return [...(data as Buffer)]
}

door(
  'shows the stock client live totals of all nodes',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    await a.counter('orders').increment(5)
    await b.counter('orders').increment(10)
    await agreed([a, b], 'orders', 15)
    const client = join(a, 'lab')
    await until('the client is synced', () => client.provider.synced)
    assert.is(client.value('orders'), 15)
    assert.is(readCounters(client.doc).size, 1)
    await a.counter('orders').increment(100)
    await b.counter('orders').decrement(3)
    await until('the client saw both', () => client.value('orders') === 112)
    client.close()
  }),
)

door(
  'shows only what is durable',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const node = await lab.memory('a', { listen: { port: 0 } }, disk)
    const orders = node.counter('orders')
    await orders.increment(1)
    const client = join(node, 'lab')
    await until('the client is synced', () => client.provider.synced && client.value('orders') === 1)
    gate.shut()
    const held = orders.increment(10)
    await until('the write waits', () => gate.waiting === 1)
    const late = join(node, 'lab')
    await until('another client is synced', () => late.provider.synced)
    assert.equal([orders.value, client.value('orders'), late.value('orders')], [11, 1, 1])
    gate.open()
    await held
    await until('both see it', () => client.value('orders') === 11 && late.value('orders') === 11)
    client.close()
    late.close()
  }),
)

door(
  'shows a busy node in time, although a commit is nearly always in flight',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 } })
    const orders = node.counter('orders')
    const client = join(node, 'lab')
    await until('the client is synced', () => client.provider.synced)
    let busy = true
    const counting = (async () => {
      while (busy) {
        await orders.increment()
        await turn()
      }
    })()
    await until('the client follows', () => client.value('orders') > 50)
    busy = false
    await counting
    await until('the client has all', () => client.value('orders') === orders.value)
    client.close()
  }),
)

door(
  'refuses what clients write, and changes nothing',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 } })
    await node.counter('orders').increment()
    const socket = raw(node)
    await once(socket, 'open')
    for (let i = 0; i < 2; i++) {
      socket.send(Uint8Array.of(0, 2, 2, 0, 0))
      const [type, denied, ...text] = await next(socket)
      assert.equal([type, denied], [2, 0])
      assert.match(Buffer.from(text).toString(), /DOOR_READ_ONLY: .*count through a node/)
    }
    const client = join(node, 'lab')
    await until('the client is synced', () => client.provider.synced)
    client.doc.getArray('log/1').push([new Uint8Array(3)])
    await until('both writers are reported', () => lab.codes(node).length === 2)
    assert.equal(lab.codes(node), ['DOOR_READ_ONLY', 'DOOR_READ_ONLY'])
    const other = join(node, 'lab')
    await until('another client is synced', () => other.provider.synced)
    assert.is(other.doc.getArray('log/1').length, 0)
    assert.is(other.value('orders'), 1)
    socket.close()
    client.close()
    other.close()
  }),
)

door(
  'answers awareness, and closes on garbage, that client alone',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 } })
    const good = raw(node)
    await once(good, 'open')
    good.send(Uint8Array.of(3))
    assert.equal(await next(good), [1, 1, 0])
    good.send(Uint8Array.of(1, 2, 3))
    assert.equal(await next(good), [1, 2, 3])
    // Types of later versions of the protocol are not for this one to judge.
    good.send(Uint8Array.of(100))
    const garbage: ReadonlyArray<readonly [Uint8Array | string, number]> = [
      [new Uint8Array(), 1002],
      [Uint8Array.of(0), 1002],
      [Uint8Array.of(0, 0, 200, 1, 1), 1002],
      [Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 255), 1002],
      ['hello', 1003],
    ]
    for (const [message, code] of garbage) {
      const bad = raw(node)
      await once(bad, 'open')
      bad.send(message)
      bad.send(Uint8Array.of(3))
      const [closed] = await within('the client is closed', once(bad, 'close'))
      assert.is(closed, code)
    }
    const long = raw(node)
    await once(long, 'open')
    long.send(new Uint8Array(1024 * 1024 + 1))
    await within('a message too long cuts its sender', once(long, 'close'))
    good.send(Uint8Array.of(3))
    assert.equal(await next(good), [1, 1, 0])
    good.close()
  }),
)

door(
  'asks for the room, the token and the origin',
  inLab(async lab => {
    const token = 's3cret/+='
    const node = await lab.memory('a', {
      ...{ token, listen: { port: 0, origins: ['https://shop.example'] } },
    })
    await node.counter('orders').increment(3)
    const bearer = `bearer.${Buffer.from(token).toString('base64url')}`
    const authorized = { headers: { authorization: `Bearer ${token}` } }
    assert.match(await refused(raw(node)), /^401 the token is missing or wrong; offer it as a WebSocket subprotocol/)
    assert.match(await refused(raw(node, '/yjs/lab', {}, ['bearer.d3Jvbmc'])), /^401 /)
    assert.match(await refused(raw(node, '/yjs/lab?token=s3cret')), /^401 /)
    assert.match(
      await refused(raw(node, '/yjs/other', authorized)),
      /^404 this node serves the room "lab", not "other"/,
    )
    for (const path of ['/yjs', '/yjs/', '/yjs/%zz']) assert.match(await refused(raw(node, path, authorized)), /^404 /)
    const foreign = { ...authorized, origin: 'https://evil.example' }
    assert.match(await refused(raw(node, '/yjs/lab', foreign)), /^403 pages of https:\/\/evil.example may not read/)
    const page = raw(node, '/yjs/lab', { ...authorized, origin: 'https://shop.example' })
    await within('an allowed page opens', once(page, 'open'))
    page.close()
    const named = raw(node, '/yjs/lab', {}, [bearer, 'tallymesh'])
    await within('the subprotocols open', once(named, 'open'))
    assert.is(named.protocol, 'tallymesh')
    named.close()
    const client = join(node, 'lab', [bearer])
    await until('the stock client is synced', () => client.provider.synced)
    assert.is(client.value('orders'), 3)
    client.close()
    assert.is(await within('the mesh asks, too', refused(raw(node, '/mesh'))), '401')
  }),
)

for (const room of ['a b', '100%', '100% ü', 'größe/✓', 'a%20b', 'x"y<z>']) {
  door(
    `finds the room ${JSON.stringify(room)}, named as it is or encoded`,
    inLab(async lab => {
      const node = await lab.memory('a', { room, listen: { port: 0 } })
      await node.counter('k').increment(7)
      for (const name of [room, encodeURIComponent(room)]) {
        const client = join(node, name)
        await until(`the client finds ${name}`, () => client.provider.synced)
        assert.is(client.value('k'), 7)
        client.close()
      }
    }),
  )
}

door(
  'has clients load anew after the node was rebuilt from its disk',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const node = await lab.memory('a', { listen: { port: 0 } }, disk)
    const orders = node.counter('orders')
    await orders.increment(1)
    const client = join(node, 'lab')
    await until('the client is synced', () => client.value('orders') === 1)
    const socket = raw(node)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    disk.failure = new Error('no space left')
    await refusal('the disk fails', orders.increment(10))
    assert.is((await within('the clients are sent away', closed))[0], 1012)
    await orders.increment(100)
    await until('the client is back', () => client.value('orders') === 111)
    client.close()
  }),
)

door(
  'cuts a client that does not read',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 } })
    const orders = Array.from({ length: 3_000 }, (_, i) => node.counter(`orders-${i}-${'x'.repeat(200)}`))
    for (const counter of orders) counter.increment()
    await orders[0]?.increment()
    const socket = raw(node)
    await once(socket, 'open')
    const live = join(node, 'lab')
    await until('a client that reads is synced', () => live.provider.synced)
    socket.pause()
    // Each question is answered with the whole document, some 700 KiB.
    for (let i = 0; i < 400; i++) socket.send(Uint8Array.of(0, 0, 1, 0))
    await orders[0]?.increment(5)
    await until('the other client goes on', () => live.value(orders[0]?.key as string) === 7)
    socket.resume()
    const [code] = await within('the slow client was cut', once(socket, 'close'))
    assert.is(code, 1006)
    live.close()
  }),
)

door(
  'takes no clients once it closes, and does not wait for those that do not answer',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 } })
    await node.counter('k').increment()
    const client = join(node, 'lab')
    await until('the client is synced', () => client.provider.synced)
    const deaf = raw(node)
    await once(deaf, 'open')
    deaf.pause()
    await within('the node closes', node.close(), 5_000)
    client.close()
    deaf.terminate()
  }),
)

door(
  'takes no more clients than its limit, and another when one has gone',
  inLab(async lab => {
    const node = await lab.memory('a', { listen: { port: 0 }, internals: { doorClientsMax: 2 } })
    const [first, second] = [raw(node), raw(node)]
    await within('two are in', Promise.all([once(first, 'open'), once(second, 'open')]))
    assert.match(await refused(raw(node)), /^503 this node takes no more clients now/)
    first.close()
    await once(first, 'close')
    const third = raw(node)
    await within('another one is in', once(third, 'open'))
    second.terminate()
    third.terminate()
  }),
)

door('answers 503 once it is closed', async () => {
  const reports: unknown[] = []
  const closed = new Door({
    ...{ room: 'lab', authorize: () => true, origins: [], report: error => reports.push(error) },
    replica: () => {
      throw new Error('nobody looks')
    },
  })
  closed.close()
  closed.progressed()
  let answer = ''
  const socket = { once: () => socket, end: (text: string) => (answer = text), destroy: () => {} }
  closed.handleUpgrade({ url: '/yjs/lab', headers: {} } as never, socket as never, Buffer.alloc(0))
  assert.match(answer, /^HTTP\/1.1 503 Service Unavailable\r\n/)
})

door.run()
