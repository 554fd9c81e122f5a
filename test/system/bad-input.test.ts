// deadline: 300 s
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { type Answer, ask } from './answer.js'
import { BAD_REQUESTS, plainAdd } from './bad-requests.js'
import { RawConnection } from './raw-connection.js'
import { forEach, shared } from './server-room.js'

const badInput = suite('bad input through a balancer')
/** Of a request that comes slowly: how much of it has come by now. */
const WHOLE = plainAdd('bad')
const SLOW_LENGTHS = [1, 30, WHOLE.indexOf('\r\n\r\n') + 2, WHOLE.length - 1]

const prepared = shared(badInput, async room => {
  const nodes = await room.startAll('a', 'b')
  const balancers = await room.balanceAll(nodes)
  // What comes slowly is given up after a while: the other tests run meanwhile.
  const slow = await Promise.all(balancers.flatMap(({ port }) => SLOW_LENGTHS.map(length => begin(port, length))))
  return { nodes, balancers, slow }
})

async function begin(port: number, length: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port)
  connection.write(WHOLE.slice(0, length))
  return connection
}

/** Well-behaved clients beside the others: one that keeps its connection, and one that makes a new one each time. */
class Bystander {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  #asked = 0

  constructor(readonly port: number) {}

  /** Each gets its own answer. */
  async served(after: string): Promise<void> {
    const questions = [{ agent: this.#agent }, {}].map(async way => {
      const key = `bystander-${this.#asked++}`
      const { status, json, text } = await ask(this.port, `/v1/counters/${key}`, way)
      assert.is(status, 200, `after ${after}: ${status} ${text}`)
      assert.is(json?.key, key, `after ${after}`)
    })
    await Promise.all(questions)
  }

  end(): void {
    this.#agent.destroy()
  }
}

/** All keys that a node holds, or whichever node the balancer asks. */
async function keysOf({ port }: { readonly port: number }): Promise<unknown> {
  const { json, text } = await ask(port, '/v1/counters')
  if (!Array.isArray(json?.counters)) throw new Error(`no list of counters: ${text}`)
  return json.counters.map(({ key }) => key)
}

badInput('of bytes that are no HTTP gets one status, and nothing of it is counted', () => {
  const { nodes, balancers } = prepared()
  return forEach(balancers, async ({ port }) => {
    const bystander = new Bystander(port)
    try {
      for (const { is, bytes } of BAD_REQUESTS) {
        const connection = await RawConnection.open(port)
        connection.write(bytes)
        const statuses = await connection.answered(1)
        await bystander.served(is)
        connection.close()
        assert.ok(statuses.length <= 1, `${is}: ${connection.text}`)
        for (const status of statuses)
          assert.ok(status >= 400 && status <= 505 && status !== 500, `${is}: ${connection.text}`)
        for (const node of nodes) assert.equal(await keysOf(node), [], is)
      }
    } finally {
      bystander.end()
    }
  })
})

const TRIES_MAX = 4

/** An answer. A balancer ends the sessions of a node that a busy machine keeps from answering its checks: so a question is asked again,
 *  and said so. What breaks its connection each time fails. */
async function answered(what: string, ...question: Parameters<typeof ask>): Promise<Answer> {
  for (let left = TRIES_MAX - 1; left > 0; left--) {
    try {
      return await ask(...question)
    } catch (error) {
      console.log(`asked again, as its connection broke (${(error as Error).message}): ${what}`)
    }
    await sleep(500)
  }
  return await ask(...question)
}

const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
const BODIES: readonly string[] = [
  ...[
    '{"add":1e309}',
    '{"add":1e1}',
    '{"add":9007199254740992}',
    '{"add":-9007199254740992}',
    '{"add":0.5}',
    '{"add":-0}',
  ],
  ...['{"add":0}', '{"add":"1"}', '{"add":null}', '{"add":[1]}', '{"add":1,"add":2}', '{"add":1,"ad":2}', '{"add":01}'],
  ...[
    '{"add":1}{"add":1}',
    '{"add":1',
    '',
    '[]',
    '1',
    'null',
    '"add"',
    '{"add":1,"__proto__":{}}',
    '{"\\u0061dd":1,"add":1}',
  ],
  ...[DEEP, '\ufeff{"add":1}', '{"add":NaN}', '{"add":0x1}', '{"add":1,}', '{"add":1} // one'],
]
const BATCHES: readonly string[] = [
  ...['[]', '{}', '[{"key":"bad","add":1},{"key":"bad","add":0}]', '[{"key":"bad","add":1},{"key":"","add":1}]'],
  ...['[{"key":"bad","add":1,"add":1}]', '[{"key":"bad","add":1},1]', '[{"key":"bad","add":1e309}]', DEEP],
  JSON.stringify(Array.from({ length: 2_001 }, () => ({ key: 'bad', add: 1 }))),
]
const PATHS: readonly string[] = [
  ...[
    '%zz',
    '%',
    '%c3%28',
    '%00',
    'bad%0a',
    '%ed%a0%80',
    'bad%7b',
    'bad%7ba%7d',
    'x'.repeat(257),
    '%e2%82',
    'bad/other',
  ],
]

badInput('of well-formed HTTP is refused with a code, and nothing of it is counted', () => {
  const { nodes, balancers } = prepared()
  return forEach(balancers, async ({ port }) => {
    const refused = async (path: string, text: string, statuses: readonly number[], headers = {}): Promise<void> => {
      const what = `${path.slice(0, 100)} ${text.slice(0, 100)}`
      const answer = await answered(what, port, path, { method: 'POST', text, headers })
      assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${answer.text}`)
      if (answer.headers['tallymesh-node'] === undefined) return
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/, what)
      assert.match(String(answer.json?.code), /^[A-Z_]+$/, what)
      assert.is(answer.json?.counted, false, `${what}: ${answer.text}`)
    }
    for (const body of BODIES) await refused('/v1/counters/bad', body, [400])
    for (const body of BATCHES) await refused('/v1/counters', body, [400])
    for (const path of PATHS) await refused(`/v1/counters/${path}`, '{"add":1}', [400, 404])
    for (const type of [
      'text/plain',
      'application/xml',
      'application/json; charset=utf-16',
      'multipart/form-data',
      'x',
    ]) {
      await refused('/v1/counters/bad', '{"add":1}', [415, 400], { 'content-type': type })
    }
    await refused('/v1/counters/bad', `{"add":1${' '.repeat(2_000_000)}}`, [413])
    for (const node of nodes) assert.equal(await keysOf(node), [])
  })
})

badInput('behind a valid request leaves that one as it is', () => {
  return forEach(prepared().balancers, async ({ kind, port }) => {
    const bystander = new Bystander(port)
    const key = `orders-${kind}`
    try {
      for (const { is, bytes } of BAD_REQUESTS) {
        const connection = await RawConnection.open(port)
        connection.write(plainAdd(key) + bytes)
        const statuses = await connection.answered(2)
        await bystander.served(is)
        connection.close()
        assert.is(statuses[0], 200, `${is}: ${connection.text}`)
        assert.ok(statuses.length <= 2 && (statuses[1] ?? 400) >= 400, `${is}: ${connection.text}`)
      }
    } finally {
      bystander.end()
    }
  })
})

badInput('that comes slowly ends in time, and nothing of it is counted', async () => {
  const { nodes, balancers, slow } = prepared()
  // NGINX closes without a word where the head does not end.
  await Promise.all(slow.map(connection => connection.ended(40_000)))
  for (const { statuses, text } of slow)
    assert.ok(statuses.every(status => status === 408) && statuses.length <= 1, text)
  const counted = balancers.map(({ kind }) => `orders-${kind}`)
  await until('each node to show what was valid, and no more', async () => {
    const keys = await Promise.all(nodes.map(keysOf))
    return keys.every(own => JSON.stringify(own) === JSON.stringify(counted)) || JSON.stringify(keys)
  })
})

badInput.run()
