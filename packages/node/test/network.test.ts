import { once } from 'node:events'
import { connect } from 'node:net'
import { MemoryDisk, MemoryStore, openWitness } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { Lifecycle } from '../src/lifecycle.js'
import { TallymeshNode } from '../src/node.js'
import { checkOptions } from '../src/options.js'
import { cryptoRandom } from '../src/random.js'
import { agreed, inLab, type Lab, meshed } from './lab.js'
import { type OwnServer, ownServer } from './own-server.js'
import { refusal, until, within } from './wait.js'

const network = suite('network')

/** Runs a test with a server that is not the node's. */
function served(run: (lab: Lab, own: OwnServer) => Promise<void>): () => Promise<void> {
  return inLab(async lab => {
    const own = await ownServer()
    try {
      await run(lab, own)
    } finally {
      await Promise.all(lab.nodes.map(node => node.close()))
      await own.close()
    }
  })
}

/** The HTTP status of an upgrade request, 101 where it became a WebSocket. */
async function status(port: number, path: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  socket.on('error', () => {})
  const answer = await within(
    `${path} is answered`,
    new Promise<number>(resolve => {
      socket.on('open', () => resolve(101))
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    }),
  )
  socket.terminate()
  return answer
}

const advertise = ({ port }: OwnServer) => ({ listen: { advertise: [`ws://127.0.0.1:${port}`] } })

network(
  "takes peers and door clients on the caller's server, which goes on when the node closes",
  served(async (lab, own) => {
    const a = await lab.memory('a', advertise(own))
    own.serve(a)
    const url = `ws://127.0.0.1:${own.port}/`
    assert.is(a.url, url)
    const b = await lab.memory('b', { peers: [url] })
    await meshed(a, b)
    await b.counter('orders').increment(3, { replicas: 2 })
    await agreed([a, b], 'orders', 3)
    assert.is(b.members()[1]?.url, url)
    assert.equal(await Promise.all(['/', '/mesh', '/yjs/lab'].map(path => status(own.port, path))), [101, 101, 101])
    assert.equal(await Promise.all(['/v1', '/yjsx', '/yjs/other'].map(path => status(own.port, path))), [404, 404, 404])
    const client = new WebSocket(`${url}yjs/lab`)
    const deaf = new WebSocket(`${url}yjs/lab`)
    await within('both clients are in', Promise.all([once(client, 'open'), once(deaf, 'open')]))
    deaf.pause()
    const left = once(client, 'close')
    await within('the node closes', a.close(), 5_000)
    assert.is((await within('the client is sent away', left))[0], 1001)
    const open = await new Promise<number>((resolve, reject) => {
      own.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
    })
    assert.is(open, 0, 'no socket that was handed over is left')
    assert.ok(own.server.listening)
    assert.is(await (await fetch(`http://127.0.0.1:${own.port}/`)).text(), 'mine')
    assert.is(await status(own.port, '/mesh'), 503)
    assert.is(await status(own.port, '/nowhere'), 404)
    deaf.terminate()
  }),
)

network(
  'answers 503 before it opened, and while it waits for its disk; peers come back by themselves',
  served(async (lab, own) => {
    const disk = new MemoryDisk()
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const witness = await openWitness({ store: store.id, runtimeDir: false })
    const a = new TallymeshNode(
      new Lifecycle(checkOptions(lab.options('a', { ...advertise(own), runtimeDir: false })), store, witness),
    )
    lab.nodes.push(a)
    own.serve(a)
    assert.equal([await status(own.port, '/mesh'), await status(own.port, '/yjs/lab')], [503, 503])
    await a.start()
    assert.equal([await status(own.port, '/mesh'), await status(own.port, '/yjs/lab')], [101, 101])
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    disk.sync = () => Promise.reject(new Error('no space left'))
    await refusal('the disk fails', a.counter('k').increment())
    assert.equal([await status(own.port, '/mesh'), await status(own.port, '/yjs/lab')], [503, 503])
    disk.sync = undefined
    await meshed(a, b)
    assert.equal(lab.codes(b), [])
  }),
)

network(
  'takes nobody where it was opened to dial only',
  served(async (lab, own) => {
    const a = await lab.memory('a')
    own.serve(a)
    assert.is(a.url, undefined)
    assert.equal([await status(own.port, '/mesh'), await status(own.port, '/yjs/lab')], [503, 503])
  }),
)

network(
  "takes upgrades beside a port of its own, with what the caller's server read of the socket already",
  served(async (lab, own) => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    own.serve(a)
    const b = await lab.memory('b', { peers: [`ws://127.0.0.1:${own.port}`] })
    const c = await lab.memory('c', { peers: [a.url as string] })
    await until('both are linked', () => a.stats.links === 2 && b.stats.links === 1 && c.stats.links === 1)
    // A client that does not wait for the answer: its first message stands in the same packet.
    const eager = connect(own.port, '127.0.0.1')
    const key = Buffer.alloc(16).toString('base64')
    const head = `GET /yjs/lab HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
    const upgrade = `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
    eager.write(Buffer.concat([Buffer.from(upgrade), Buffer.from([0x82, 0x81, 0, 0, 0, 0, 3])]))
    let answer = Buffer.alloc(0)
    eager.on('data', data => {
      answer = Buffer.concat([answer, data])
    })
    await until('its question is answered', () => answer.subarray(-5).equals(Buffer.from([0x82, 3, 1, 1, 0])))
    eager.destroy()
  }),
)

network(
  'counts frames by direction and kind',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    await a.counter('k').increment(1, { replicas: 2 })
    const { frames } = a.stats
    const kinds = new Set(frames.map(({ direction, kind }) => `${direction} ${kind}`))
    for (const kind of ['sent hello', 'received hello', 'sent sync', 'received durable', 'sent ping']) {
      assert.ok(kinds.has(kind), `${kind} is among ${[...kinds].join(', ')}`)
    }
    for (const { frames: count, bytes } of frames) assert.ok(count > 0 && bytes >= 5 * count)
  }),
)

network(
  'counts the members behind a name that came to lead elsewhere while a failed disk was loaded anew',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
    const held: (() => void)[] = []
    let hold = false
    const load = store.load.bind(store)
    store.load = async function* () {
      if (hold) await new Promise<void>(resolve => held.push(resolve))
      yield* load()
    }
    let addresses = ['127.9.9.1', '127.9.9.2']
    let asked = 0
    const resolve = async () => {
      asked++
      return addresses
    }
    const one = await lab.on(store, 'a', { peers: ['dns:room.test:7'], internals: { resolve, resolveMs: 10 } })
    const counter = one.counter('k')
    const wanted = async () => {
      const { message } = await refusal('the majority', counter.increment(1, { replicas: 'majority', timeoutMs: 50 }))
      return /of (\d+) stores/.exec(message)?.[1]
    }
    await until('the name was asked for', () => asked > 1)
    assert.is(await wanted(), '2')
    hold = true
    disk.failure = new Error('no space')
    await refusal('the count in flight', counter.increment())
    await until('the disk is loaded', () => held.length === 1)
    addresses = ['127.9.9.1', '127.9.9.2', '127.9.9.3', '127.9.9.4']
    const before = asked
    await until('the name was asked for again', () => asked > before + 1)
    for (const go of held) go()
    await until('it has recovered', () => one.status === 'ready')
    assert.is(await wanted(), '3')
  }),
)

network.run()
