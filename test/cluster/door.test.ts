import { CounterView, counterKey, readCounters } from '@tallymesh/crdt'
import type { TallymeshError, TallymeshNode } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { freePort } from './free-port.js'
import { inScratch } from './scratch.js'
import { until } from './until.js'

const door = suite('the y-websocket door')

const TOKEN = 'correct-horse'
const BEARER = `bearer.${Buffer.from(TOKEN).toString('base64url')}`
const ORDERS = counterKey('orders')

type ProviderOptions = NonNullable<ConstructorParameters<typeof WebsocketProvider>[3]>
/** The same interface as a browser's, by another declaration. */
const polyfill = WebSocket as unknown as NonNullable<ProviderOptions['WebSocketPolyfill']>

/** The stock provider on a document of its own, and what it prints. */
async function withProvider(
  port: number,
  protocols: string[],
  test: (doc: Y.Doc, provider: WebsocketProvider, warnings: string[]) => Promise<void>,
): Promise<void> {
  const doc = new Y.Doc()
  const warnings: string[] = []
  const { warn } = console
  console.warn = (...parts: unknown[]) => void warnings.push(parts.map(String).join(' '))
  const options = { WebSocketPolyfill: polyfill, protocols, disableBc: true, maxBackoffTime: 200 }
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}/yjs`, 'shop', doc, options)
  try {
    await test(doc, provider, warnings)
  } finally {
    console.warn = warn
    provider.destroy()
    doc.destroy()
  }
}

/** What of a node's counters a document shows differently. */
function difference(node: TallymeshNode, doc: Y.Doc): true | string {
  const table = readCounters(doc)
  for (const [key, value] of node.counters()) {
    const id = table.findId(key)
    const read = id === undefined ? 0 : table.value(id)
    if (read !== value) return `${key} reads ${read}, not ${value}`
  }
  return true
}

door(
  'gives the stock provider the same totals, live, and again after the node restarts',
  inScratch(async scratch => {
    const listen = { port: await freePort() }
    const options = { listen, token: TOKEN }
    const peer = await scratch.open('b', { listen: { port: 0 }, token: TOKEN })
    const node = await scratch.open('a', { ...options, peers: [peer.url ?? ''] })
    await Promise.all([node.counter('orders').increment(5), peer.counter('visits', { page: '/' }).increment(70)])
    await withProvider(listen.port, [BEARER], async (doc, provider) => {
      await until('the first sync', () => provider.synced)
      const view = new CounterView(doc)
      const changed = new Set<string>()
      view.onChange(keys => {
        for (const key of keys) changed.add(key)
      })
      await until(
        "both nodes' counts",
        () => view.value(counterKey('visits', { page: '/' })) === 70 && difference(node, doc),
      )
      await Promise.all([node.counter('orders').decrement(2), peer.counter('orders').increment(100)])
      await until('live updates', () => view.value(ORDERS) === 103 || `${view.value(ORDERS)}`)
      assert.ok(changed.has(ORDERS))
      assert.is(difference(node, doc), true)

      await node.close()
      await until('the provider to notice', () => !provider.wsconnected)
      await peer.counter('orders').increment(1_000)
      const again = await scratch.open('a', { ...options, peers: [peer.url ?? ''] })
      await again.counter('orders').increment(20_000)
      await until('updates after the restart', () => view.value(ORDERS) === 21_103 || `${view.value(ORDERS)}`)
      await until('all counters again', () => difference(again, doc))
      view.destroy()
    })
  }),
)

door(
  'refuses what a client writes, tells it why, and changes nothing',
  inScratch(async scratch => {
    const node = await scratch.open('a', { listen: { port: 0 } })
    const errors: TallymeshError[] = []
    node.on('error', error => errors.push(error))
    await node.counter('orders').increment(5)
    const before = [...node.counters()]
    await withProvider(Number(new URL(node.url ?? '').port), [], async (doc, provider, warnings) => {
      await until('the first sync', () => provider.synced)
      doc.getMap('orders').set('value', 1_000_000)
      const [root] = [...doc.share.keys()].filter(name => name.startsWith('log/'))
      const log = doc.getArray<Uint8Array>(root ?? '')
      log.push([log.get(0)])
      await until('the refusal', () => warnings.some(warning => /Permission denied/.test(warning)))
      assert.match(warnings.join('\n'), /DOOR_READ_ONLY/)
      await until('the error event', () => errors.some(({ code }) => code === 'DOOR_READ_ONLY'))
      await node.counter('orders').increment(1)
      assert.equal([...node.counters()], [['orders', 6]])
      assert.equal(before, [['orders', 5]])
      assert.is(node.stats.logs, 1)
    })
    assert.is(node.status, 'ready')
  }),
)

door(
  'keeps a client that only listens connected: awareness is echoed, and a query is answered',
  inScratch(async scratch => {
    const node = await scratch.open('a', { listen: { port: 0 } })
    const client = new WebSocket(`${node.url}yjs/shop`)
    const heard: string[] = []
    client.on('message', (data: Buffer) => heard.push(data.toString('hex')))
    let closed = false
    client.on('close', () => {
      closed = true
    })
    try {
      await until('the door to open', () => client.readyState === client.OPEN)
      client.send(Uint8Array.of(3))
      await until('the answer to a query', () => heard.includes('010100'))
      const awareness = Uint8Array.of(1, 5, 1, 42, 1, 1, 0x7d)
      client.send(awareness)
      await until('the echo', () => heard.includes(Buffer.from(awareness).toString('hex')))
      client.send(Uint8Array.of(0, 0, 255, 255, 255, 255, 255, 1))
      await until('a malformed message to end the connection', () => closed)
      assert.is(node.status, 'ready')
    } finally {
      client.terminate()
    }
  }),
)

door(
  'stays shut without the token, for another room, and for pages of other origins',
  inScratch(async scratch => {
    const node = await scratch.open('a', { listen: { port: 0, origins: ['https://shop.example'] }, token: TOKEN })
    const status = (room: string, protocols: string[], headers: Record<string, string> = {}) =>
      new Promise<number>(resolve => {
        const client = new WebSocket(`${node.url}yjs/${room}`, protocols, { headers })
        client.on('unexpected-response', (request, response) => {
          resolve(response.statusCode ?? 0)
          request.destroy()
        })
        client.on('error', () => {})
        client.on('open', () => {
          resolve(101)
          client.terminate()
        })
      })
    const wrong = `bearer.${Buffer.from('battery-staple').toString('base64url')}`
    assert.is(await status('shop', []), 401)
    assert.is(await status('shop', [wrong]), 401)
    assert.is(await status('warehouse', [BEARER]), 404)
    assert.is(await status('shop', [BEARER], { origin: 'https://evil.example' }), 403)
    assert.is(await status('shop', [BEARER], { origin: 'https://shop.example' }), 101)
    assert.is(await status('shop', [BEARER]), 101)
  }),
)

door.run()
