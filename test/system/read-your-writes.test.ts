// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { ask } from './answer.js'
import type { NodeProcess } from './node-process.js'
import { forBalancers, inRoom } from './server-room.js'

const ryw = suite('a client that hops between nodes')

const ADDS = 200
const KEY = 'steps'

forBalancers(ryw, 'never sees its own count go back', async (room, kind) => {
  const nodes = await room.startAll('a', 'b', 'c')
  const { port } = await room.balance(kind, nodes)
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
      const [{ value: answered }] = await Promise.all([client.add(KEY, 1), others.add(KEY, 1)])
      const { value } = await client.get(KEY)
      assert.ok(Number(value) >= i && Number(answered) >= i, `after ${i} own counts: ${answered}, then ${value}`)
      // What others count may be missing on another node; what this client counted may not.
      seen = Math.max(seen, Number(value))
      const { counters } = await client.list({ prefix: KEY })
      assert.ok(Number(counters[0]?.value) >= i, `after ${i} own counts the list has ${counters[0]?.value}`)
    }
    assert.ok(seen > ADDS)
    assert.is(met.size, nodes.length, `met ${[...met].join(', ')}`)
  } finally {
    await Promise.all([client.close(), others.close()])
  }
})

ryw(
  'is told NOT_CAUGHT_UP by a node that is cut off, and what it knows without the header',
  inRoom(async room => {
    const [a] = (await room.startAll('a', 'b')) as [NodeProcess, NodeProcess]
    const alone = room.start('alone', { port: await freePort(), flags: ['--after-timeout-ms', '200'] })
    await alone.ready()
    const added = await ask(a.port, `/v1/counters/${KEY}`, { body: { add: 5 } })
    assert.is(added.status, 200)
    const position = added.headers['tallymesh-after']
    assert.type(position, 'string')
    const headers = { 'tallymesh-after': String(position) }
    for (const path of [`/v1/counters/${KEY}`, '/v1/counters', `/v1/counters/${KEY}/watch`]) {
      const { status, json, text } = await ask(alone.port, path, { headers })
      assert.is(status, 504, `${path}: ${text}`)
      assert.is(json?.code, 'NOT_CAUGHT_UP', text)
    }
    const without = await ask(alone.port, `/v1/counters/${KEY}`)
    assert.is(without.status, 200)
    assert.is(without.json?.value, 0)
    const known = await ask(a.port, `/v1/counters/${KEY}`, { headers })
    assert.is(known.json?.value, 5)
  }),
)

forBalancers(ryw, 'reads past a node that is cut off', async (room, kind) => {
  const [a, b] = (await room.startAll('a', 'b')) as [NodeProcess, NodeProcess]
  const alone = room.start('alone', { port: await freePort(), flags: ['--after-timeout-ms', '100'] })
  await alone.ready()
  const { port } = await room.balance(kind, [a, b, alone])
  const added = await ask(a.port, `/v1/counters/${KEY}`, { body: { add: 5 } })
  const position = String(added.headers['tallymesh-after'])
  const client = new TallymeshClient({ urls: [`http://127.0.0.1:${port}`], position })
  try {
    for (let i = 0; i < 12; i++) assert.is((await client.get(KEY)).value, 5)
  } finally {
    await client.close()
  }
})

ryw.run()
