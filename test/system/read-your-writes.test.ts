// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { ask } from './answer.js'
import type { NodeProcess } from './node-process.js'
import { type ServerRoom, shared } from './server-room.js'

const ryw = suite('a client that hops between nodes')

const ADDS = 100

interface Prepared {
  /** Nodes that know one another. */
  readonly nodes: readonly NodeProcess[]
  /** A node of the same room that is cut off from them. */
  readonly alone: NodeProcess
  readonly room: ServerRoom
}

const prepared = shared<Prepared>(ryw, async room => {
  const alone = room.start('alone', { port: await freePort(), flags: ['--after-timeout-ms', '200'] })
  const nodes = await room.startAll('a', 'b', 'c')
  await alone.ready()
  return { nodes, alone, room }
})

/** Counts 5 on a key at the first node. @returns the position that it answers */
async function added(key: string): Promise<string> {
  const [a] = prepared().nodes as [NodeProcess]
  const { status, headers } = await ask(a.port, `/v1/counters/${key}`, { body: { add: 5 } })
  assert.is(status, 200)
  assert.type(headers['tallymesh-after'], 'string')
  return String(headers['tallymesh-after'])
}

async function hops(port: number, key: string, nodes: number): Promise<void> {
  const met = new Set<string | null>()
  const client = new TallymeshClient({
    urls: [`http://127.0.0.1:${port}`],
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      met.add(response.headers.get('tallymesh-node'))
      return response
    },
  })
  const others = new TallymeshClient({ urls: [`http://127.0.0.1:${port}`] })
  try {
    let seen = 0
    for (let i = 1; i <= ADDS; i++) {
      const [{ value: answered }] = await Promise.all([client.add(key, 1), others.add(key, 1)])
      const { value } = await client.get(key)
      assert.ok(Number(value) >= i && Number(answered) >= i, `after ${i} own counts: ${answered}, then ${value}`)
      // What others count may be missing on another node; what this client counted may not.
      seen = Math.max(seen, Number(value))
      const { counters } = await client.list({ prefix: key })
      assert.ok(Number(counters[0]?.value) >= i, `after ${i} own counts the list has ${counters[0]?.value}`)
    }
    assert.ok(seen > ADDS)
    assert.is(met.size, nodes, `met ${[...met].join(', ')}`)
  } finally {
    await Promise.all([client.close(), others.close()])
  }
}

ryw('never sees its own count go back', async () => {
  const { room, nodes } = prepared()
  for (const { port, kind } of await room.balanceAll(nodes)) await hops(port, `steps-${kind}`, nodes.length)
})

ryw('is told NOT_CAUGHT_UP by a node that is cut off, and what it knows without the header', async () => {
  const { nodes, alone } = prepared()
  const [a] = nodes as [NodeProcess]
  const headers = { 'tallymesh-after': await added('told') }
  for (const path of ['/v1/counters/told', '/v1/counters', '/v1/counters/told/watch']) {
    const { status, json, text } = await ask(alone.port, path, { headers })
    assert.is(status, 504, `${path}: ${text}`)
    assert.is(json?.code, 'NOT_CAUGHT_UP', text)
  }
  const without = await ask(alone.port, '/v1/counters/told')
  assert.is(without.status, 200)
  assert.is(without.json?.value, 0)
  const known = await ask(a.port, '/v1/counters/told', { headers })
  assert.is(known.json?.value, 5)
})

ryw('reads past a node that is cut off', async () => {
  const { room, nodes, alone } = prepared()
  const [a, b] = nodes as [NodeProcess, NodeProcess]
  const position = await added('passed')
  for (const { port } of await room.balanceAll([a, b, alone])) {
    const client = new TallymeshClient({ urls: [`http://127.0.0.1:${port}`], position })
    try {
      for (let i = 0; i < 12; i++) assert.is((await client.get('passed')).value, 5)
    } finally {
      await client.close()
    }
  }
})

ryw.run()
