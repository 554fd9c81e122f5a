// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { ask } from './answer.js'
import { DoorClient } from './door-client.js'
import { EventReader } from './event-reader.js'
import { IdleStreams } from './idle-streams.js'
import type { NodeProcess } from './node-process.js'
import { shared } from './server-room.js'

const streams = suite('streams through a balancer')

const KEY = 'orders'
const WATCH = `/v1/counters/${KEY}/watch`

/** Adds directly at a node. */
async function count(node: NodeProcess, amount: number): Promise<void> {
  const { status, text } = await ask(node.port, `/v1/counters/${KEY}`, { body: { add: amount } })
  assert.is(status, 200, text)
}

/** Begins streams through a balancer until each node has one. */
async function streamOfEach(port: number, readers: EventReader[]): Promise<void> {
  const own: EventReader[] = []
  await until('a stream of each node', async () => {
    const reader = new EventReader(port, WATCH)
    readers.push(reader)
    own.push(reader)
    await reader.begun()
    return new Set(own.map(({ node }) => node)).size === 3 || own.map(({ node }) => node).join(' ')
  })
}

const prepared = shared(streams, async room => {
  const nodes = await room.startAll('a', 'b', 'c')
  return { room, nodes, balancers: await room.balanceAll(nodes) }
})

// They wait for more than a minute: the other tests run meanwhile.
const idle = new IdleStreams()
streams.before(() => idle.begin())
streams.after(() => idle.end())

streams('watchers and documents go on while one node after another is killed', async () => {
  const { room, nodes, balancers } = prepared()
  const stop = new AbortController()
  const clients = balancers.map(({ port }) => new TallymeshClient({ urls: [`http://127.0.0.1:${port}`] }))
  const shown: number[] = balancers.flatMap(() => [0, 0, 0, 0])
  const watching = shown.map(async (_, i) => {
    const client = clients[i % clients.length] as TallymeshClient
    for await (const { value } of client.watch(KEY, { signal: stop.signal })) shown[i] = Number(value)
  })
  const documents = balancers.flatMap(({ port }) => [new DoorClient(port, 'shop'), new DoorClient(port, 'shop')])
  try {
    let total = 1
    await count(nodes[0] as NodeProcess, 1)
    await Promise.all(documents.map(document => document.shows(KEY, 1)))
    for (const [i, node] of [...nodes].entries()) {
      await node.kill()
      const survivor = nodes[(i + 1) % nodes.length] as NodeProcess
      await count(survivor, 10)
      total += 10
      await until(`${total} in every watch`, () => shown.every(value => value === total) || shown.join(' '))
      await Promise.all(documents.map(document => document.shows(KEY, total)))
      nodes[i] = room.start(node.name)
      await nodes[i]?.ready()
    }
    assert.ok(
      documents.every(({ closes }) => closes > 0),
      'each document was with a node that was killed',
    )
  } finally {
    stop.abort()
    for (const document of documents) document.close()
    await Promise.all(watching)
    await Promise.all(clients.map(client => client.close()))
  }
})

streams('server-sent events pass at once, and end when their node is gone', async () => {
  const { nodes, balancers } = prepared()
  const [a, b, c] = nodes as [NodeProcess, NodeProcess, NodeProcess]
  const readers: EventReader[] = []
  const seen = () => readers.map(({ node, ended, last }) => `${node} ${ended} ${last}`).join()
  try {
    await Promise.all(balancers.map(({ port }) => streamOfEach(port, readers)))
    let total = await a.value(KEY)
    const totals: number[] = []
    for (const amount of [1, 10, 100]) {
      total += amount
      totals.push(total)
      await count(a, amount)
      await until(`${total} in every stream`, () => readers.every(({ last }) => last === total) || seen())
    }
    // Nothing holds a part back until more comes.
    for (const { values } of readers) assert.equal(values.slice(-3), totals)
    await c.kill()
    await until('the streams of the killed node to end', () => {
      return readers.every(({ node, ended }) => ended === (node === 'c')) || seen()
    })
    const draining = b.terminate()
    await until('the streams of the draining node to end', () => {
      return readers.every(({ node, ended }) => ended === (node !== 'a')) || seen()
    })
    await count(a, 1_000)
    total += 1_000
    await until('the others to go on', () => readers.every(({ ended, last }) => ended || last === total))
    assert.equal(await draining, { code: 0, signal: null })
  } finally {
    for (const reader of readers) reader.close()
  }
})

streams('on which nothing happens stay open, and still show the next change', () => idle.outlast())

streams.run()
