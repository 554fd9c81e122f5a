// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { ask } from './answer.js'
import { DoorClient } from './door-client.js'
import { EventReader } from './event-reader.js'
import type { NodeProcess } from './node-process.js'
import { forBalancers } from './server-room.js'

const streams = suite('streams through a balancer')

const KEY = 'orders'
const WATCH = `/v1/counters/${KEY}/watch`

/** Adds directly at a node. */
async function count(node: NodeProcess, amount: number): Promise<void> {
  const { status, text } = await ask(node.port, `/v1/counters/${KEY}`, { body: { add: amount } })
  assert.is(status, 200, text)
}

forBalancers(streams, 'server-sent events pass at once, and end when their node is gone', async (room, kind) => {
  const nodes = await room.startAll('a', 'b', 'c')
  const [a, b, c] = nodes as [NodeProcess, NodeProcess, NodeProcess]
  const { port } = await room.balance(kind, nodes)
  const readers: EventReader[] = []
  try {
    await until('a stream of each node', async () => {
      const reader = new EventReader(port, WATCH)
      readers.push(reader)
      await reader.begun()
      return new Set(readers.map(({ node }) => node)).size === 3 || readers.map(({ node }) => node).join(' ')
    })
    let total = 0
    for (const amount of [1, 10, 100]) {
      total += amount
      await count(a, amount)
      await until(`${total} in every stream`, () => {
        return readers.every(({ last }) => last === total) || readers.map(({ last }) => last).join(' ')
      })
    }
    // Nothing holds a part back until more comes.
    for (const { values } of readers) assert.equal(values.slice(-3), [1, 11, 111])
    await c.kill()
    await until('the streams of the killed node to end', () => {
      return (
        readers.every(({ node, ended }) => ended === (node === 'c')) ||
        readers.map(each => `${each.node} ${each.ended}`).join()
      )
    })
    const draining = b.terminate()
    await until('the streams of the draining node to end', () => {
      return (
        readers.every(({ node, ended }) => ended === (node !== 'a')) ||
        readers.map(each => `${each.node} ${each.ended}`).join()
      )
    })
    await count(a, 1_000)
    await until('the others to go on', () => readers.every(({ ended, last }) => ended || last === 1_111))
    assert.equal(await draining, { code: 0, signal: null })
  } finally {
    for (const reader of readers) reader.close()
  }
})

forBalancers(streams, 'watchers and documents go on while one node after another is killed', async (room, kind) => {
  const nodes = await room.startAll('a', 'b', 'c')
  const { port } = await room.balance(kind, nodes)
  const client = new TallymeshClient({ urls: [`http://127.0.0.1:${port}`] })
  const stop = new AbortController()
  const shown: number[] = [0, 0, 0, 0]
  const watching = shown.map(async (_, i) => {
    for await (const { value } of client.watch(KEY, { signal: stop.signal })) shown[i] = Number(value)
  })
  const documents = [new DoorClient(port, 'shop'), new DoorClient(port, 'shop')]
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
    await client.close()
  }
})

streams.run()
