import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net'
import { storeId, TallymeshError } from '@tallymesh/crdt'
import { dialWs, type Hello, type Link, PROTOCOL_VERSION } from '@tallymesh/link'
import type { Member } from '@tallymesh/replica'
import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Mesh, type MeshOptions } from '../src/mesh.js'
import { agreed, inLab, meshed } from './lab.js'
import { freePort } from './port.js'
import { refusal, turn, until, within } from './wait.js'

const mesh = suite('mesh')

function hello(name: string, digit: string, urls: readonly string[] = []): Hello {
  const id = digit.repeat(32)
  return { version: PROTOCOL_VERSION, room: 'lab', name, store: storeId(id), instance: id, replica: 0, urls }
}

function member(urls: readonly string[], more: Partial<Member> = {}): Member {
  const known = { store: storeId('b'.repeat(32)), name: 'b', removed: false, recorded: true, state: 'down' as const }
  return { ...known, urls, ...more }
}

/** A mesh without a node behind it. */
function lone(options: Partial<MeshOptions> = {}): { mesh: Mesh; reports: TallymeshError[]; links: Link[] } {
  const reports: TallymeshError[] = []
  const links: Link[] = []
  const made = new Mesh({
    ...{ hello: () => hello('a', 'a'), admit: () => undefined, token: () => undefined, tls: () => ({}) },
    ...{ authorize: () => true, seeds: () => [] },
    ...{ members: () => [], reached: () => {}, opened: link => links.push(link), frame: () => {}, closed: () => {} },
    ...{ report: error => reports.push(error), removed: () => false, ...options },
    host: { random: () => 0, dial: dialWs },
  })
  return { mesh: made, reports, links }
}

/** A TCP server that counts who comes. */
async function counting(server: Server): Promise<{ url: string; seen: () => number; close: () => Promise<void> }> {
  let seen = 0
  server.on('connection', () => seen++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { url, seen: () => seen, close: async () => void (await new Promise(done => server.close(done))) }
}

/** Passes connections on to `url`, and counts them. */
function proxy(url: string): ReturnType<typeof counting> {
  return counting(
    createTcpServer(socket => {
      const beyond = connect(Number(new URL(url).port), '127.0.0.1')
      for (const [from, to] of [
        [socket, beyond],
        [beyond, socket],
      ] as const) {
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.pipe(to)
      }
    }),
  )
}

mesh(
  'is alone where every address failed several times, until somebody links',
  inLab(async lab => {
    const port = await freePort()
    const a = await lab.open('a', { peers: [`ws://127.0.0.1:${port}`] })
    assert.is(a.alone, false)
    await until('nobody is expected any more', () => a.alone)
    const b = await lab.open('b', { listen: { port } })
    await meshed(a, b)
    assert.is(a.alone, false)
  }),
)

mesh(
  'learns of the others from one seed',
  inLab(async lab => {
    const a = await lab.open('a')
    const seeds = [a.url as string]
    const b = await lab.open('b', { peers: seeds })
    const c = await lab.open('c', { peers: seeds })
    // Who is met is written down by those who count: c hears of b from the first log.
    await Promise.all([a.counter('k').increment(1), b.counter('k').increment(10), c.counter('k').increment(100)])
    await agreed([a, b, c], 'k', 111)
    await meshed(a, b, c)
    assert.equal(
      c
        .members()
        .map(({ name, url }) => [name, url])
        .sort(),
      [a, b, c].map(({ name, url }) => [name, url]),
    )
    for (const node of [a, b, c]) assert.equal(lab.codes(node), [])
  }),
)

mesh(
  'keeps one link of two nodes that dial each other',
  inLab(async lab => {
    const ports = [await freePort(), await freePort()] as const
    const [urlA, urlB] = ports.map(port => `ws://127.0.0.1:${port}/`) as [string, string]
    const [a, b] = await Promise.all([
      lab.open('a', { listen: { port: ports[0] }, peers: [urlB] }),
      lab.open('b', { listen: { port: ports[1] }, peers: [urlA] }),
    ])
    await meshed(a, b)
    await a.counter('k').increment(1, { replicas: 'majority' })
    await b.counter('k').increment(1, { replicas: 2 })
    await agreed([a, b], 'k', 2)
    await until('one link is left', () => a.stats.links === 1 && b.stats.links === 1)
    assert.equal([...lab.codes(a), ...lab.codes(b)], [])
  }),
)

mesh(
  'dials a peer that restarts, and again only after a while',
  inLab(async lab => {
    const listen = { port: await freePort() }
    const b = await lab.open('b', { listen })
    const a = await lab.open('a', { peers: [b.url as string] })
    await meshed(a, b)
    await b.close()
    await until('a misses b', () => a.stats.links === 0)
    await a.counter('k').increment(5)
    const again = await lab.open('b', { listen })
    await meshed(a, again)
    await agreed([a, again], 'k', 5)
    assert.equal(lab.codes(a), [])
  }),
)

mesh(
  'is quiet about its own address among the seeds, and counts nobody for it, not after a recovery either',
  inLab(async lab => {
    const port = await freePort()
    const disk = new MemoryDisk()
    const peers = [`ws://127.0.0.1:${port}`, `ws://localhost:${port}`]
    const node = await lab.memory('a', { listen: { port }, peers }, disk)
    const orders = node.counter('orders')
    const majority = () => orders.increment(1, { replicas: 'majority', timeoutMs: 20_000 })
    await within('the node is its own majority', majority())
    assert.is(node.stats.links, 0)
    assert.equal(lab.codes(node), [])
    disk.failure = new Error('no space left')
    await refusal('the disk fails', orders.increment())
    await until('the node is ready again', () => node.status === 'ready')
    await within('the node is its own majority still', majority())
    assert.not(lab.codes(node).includes('LINK_FAILED'))
  }),
)

mesh(
  'counts seeds that were never reached for the majority',
  inLab(async lab => {
    const listen = { port: await freePort() }
    const peers = [`ws://127.0.0.1:${listen.port}`, `ws://127.0.0.1:${await freePort()}`]
    const a = await lab.open('a', { peers })
    const alone = a.counter('k').increment(1, { replicas: 'majority', timeoutMs: 100 })
    const refused = await refusal('one of three is no majority', alone)
    assert.is(refused.code, 'NOT_REPLICATED')
    assert.match(refused.message, /1 of 2 stores/)
    const b = await lab.open('b', { listen })
    await meshed(a, b)
    await a.counter('k').increment(1, { replicas: 'majority' })
    assert.is(
      (await refusal('three are not here', a.counter('k').increment(1, { replicas: 3, timeoutMs: 50 }))).code,
      'NOT_REPLICATED',
    )
    assert.is(a.counter('k').value, 3)
  }),
)

mesh(
  'reports a wrong token once',
  inLab(async lab => {
    const b = await lab.open('b', { token: 'right' })
    const door = await proxy(b.url as string)
    const a = await lab.open('a', { peers: [door.url], token: 'wrong' })
    await until('a tried three times', () => door.seen() >= 3)
    assert.equal(lab.codes(a), ['UNAUTHORIZED'])
    assert.equal(lab.codes(b), [])
    await a.close()
    await door.close()
  }),
)

mesh(
  'reports a wrong room once, on either side',
  inLab(async lab => {
    const b = await lab.open('b', { room: 'other' })
    const door = await proxy(b.url as string)
    const a = await lab.open('a', { peers: [door.url] })
    await until('a tried three times', () => door.seen() >= 3)
    await until('b saw it', () => lab.codes(b).length > 0)
    assert.equal(lab.codes(a), ['WRONG_ROOM'])
    assert.equal(lab.codes(b), ['WRONG_ROOM'])
    await a.close()
    await door.close()
  }),
)

mesh(
  'dials with the address of another program, and says so once',
  inLab(async lab => {
    const web = createServer((_request, response) => response.end('hello'))
    const server = await counting(web)
    const a = await lab.open('a', { peers: [server.url] })
    await until('a tried three times', () => server.seen() >= 3)
    assert.equal(lab.codes(a), ['WRONG_PROTOCOL'])
    await a.close()
    web.closeAllConnections()
    await server.close()
  }),
)

mesh(
  'takes from a stranger only what is an address, and a name that can be recorded',
  inLab(async lab => {
    const a = await lab.open('a')
    await a.counter('k').increment()
    const dial = (peer: Hello) => {
      let link: Link | undefined
      let ended: TallymeshError | undefined
      dialWs(a.url as string, {
        handshake: { hello: () => peer, admit: () => undefined },
        events: {
          open: opened => {
            link = opened
          },
          frame: () => {},
          closed: (_link, reason) => {
            ended = reason
          },
          refused: reason => {
            ended = reason
          },
        },
      })
      return { link: () => link, ended: () => ended }
    }
    const port = await freePort()
    const urls = ['nonsense', 'http://a:1', `ws://LOCALHOST:${port}`, 'ws://user:secret@a:1']
    const stranger = dial(hello('b', 'b', urls))
    await until('a has the stranger', () => a.members().length === 2)
    await until('a wrote down who it met', () => a.stats.commits >= 2)
    assert.is(a.members()[1]?.url, `ws://localhost:${port}/`)
    assert.equal(lab.codes(a), ['INVALID_URL', 'INVALID_URL', 'INVALID_URL'])
    assert.not(lab.told(a).errors.some(({ message }) => message.includes('secret')))
    stranger.link()?.close()
    await until('the stranger left', () => a.stats.links === 0)
    const nameless = dial(hello('b\n2', 'c'))
    await until('the nameless one is refused', () => nameless.ended() !== undefined)
    assert.is(nameless.ended()?.code, 'INVALID_NAME')
    await a.counter('k').increment()
    assert.is(a.status, 'ready')
  }),
)

mesh('reports a bad address in a record once, and dials the others', async () => {
  const server = await counting(createTcpServer(socket => socket.destroy()))
  const { mesh: made, reports } = lone({ members: () => [member(['::', server.url.replace('ws:', 'WS:')])] })
  for (let nowMs = 0; nowMs < 100; nowMs += 10) made.tick(nowMs)
  await until('the good address is dialed', () => server.seen() === 1)
  assert.equal(
    reports.map(({ code }) => code),
    ['INVALID_URL'],
  )
  assert.match(reports[0]?.message ?? '', /a URL of member "b" is not dialed.*got "::"/)
  await made.close()
  await server.close()
})

mesh('dials ever more rarely, and nobody whom no record names any more', async () => {
  const server = await counting(createTcpServer(socket => socket.destroy()))
  let members = [member([server.url])]
  const { mesh: made, reports } = lone({ members: () => members })
  // `random` is 0: half of 200, 400, 800, … ms.
  let dueMs = 0
  for (const [dials, backoffMs] of [100, 200, 400, 800, 1_600, 2_500, 2_500].entries()) {
    made.tick(dueMs)
    await until(`dial ${dials + 1} failed`, () => server.seen() === dials + 1)
    // Wait for the socket's end to be heard: a dial under way is not repeated.
    for (let i = 0; i < 20; i++) await turn()
    made.tick(dueMs + backoffMs - 1)
    for (let i = 0; i < 5; i++) await turn()
    assert.is(server.seen(), dials + 1)
    dueMs += backoffMs
  }
  members = [member([server.url], { removed: true })]
  made.tick(dueMs + 10_000)
  members = []
  made.tick(dueMs + 20_000)
  for (let i = 0; i < 20; i++) await turn()
  assert.is(server.seen(), 7)
  assert.equal(reports, [])
  await made.close()
  await server.close()
})

mesh(
  'does not hurry back to a peer that opens links and ends them',
  inLab(async lab => {
    const b = await lab.open('b')
    let opened = 0
    const { mesh: made, reports } = lone({
      seeds: () => [b.url as string],
      opened: link => {
        opened++
        link.close(new TallymeshError('MEMBER_REMOVED', 'go away'))
      },
    })
    let nowMs = 0
    for (const attempt of [1, 2, 3]) {
      made.tick(nowMs)
      await until(`link ${attempt} opened and ended`, () => opened === attempt && made.links === 0)
      made.tick(nowMs + 100 * 2 ** (attempt - 1) - 1)
      assert.is(made.links, 0)
      nowMs += 100 * 2 ** (attempt - 1)
    }
    assert.is(reports.length, 1)
    await made.close()
  }),
)

mesh(
  'takes no links while it is paused',
  inLab(async lab => {
    const b = await lab.open('b')
    const { mesh: made, links, reports } = lone({ seeds: () => [b.url as string] })
    made.tick(0)
    await until('the link opened', () => links.length === 1)
    made.pause(new TallymeshError('NOT_READY', 'reopening'))
    await until('the link ended', () => made.links === 0)
    made.tick(10_000)
    assert.is(made.links, 0)
    made.resume()
    made.tick(20_000)
    await until('the link is back', () => made.links === 1)
    made.pause(new TallymeshError('NOT_READY', 'reopening'))
    made.resume()
    await made.close()
    assert.is(made.links, 0)
    assert.equal(reports, [])
  }),
)

mesh(
  'answers peers that dial a paused node that it is not ready',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const a = await lab.memory('a', { listen: { port: 0 } }, disk)
    await a.counter('k').increment()
    disk.sync = () => Promise.reject(new Error('no space left'))
    await refusal('the disk fails', a.counter('k').increment())
    const door = await proxy(a.url as string)
    const b = await lab.open('b', { peers: [door.url] })
    await until('b tried twice', () => door.seen() >= 2)
    assert.equal(lab.codes(b), [])
    disk.sync = undefined
    await meshed(a, b)
    await agreed([a, b], 'k', 2)
    await b.close()
    await door.close()
  }),
)

mesh.run()
