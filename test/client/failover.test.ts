// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { Ledger } from '../system/ledger.js'
import type { NodeProcess } from '../system/node-process.js'
import { type ServerRoom, shared } from '../system/server-room.js'

const test = suite('the client while servers fail')
const LANES = 2
/** What a lane waits after each answer: little around a fault, when something is to be under way, more while a server starts. */
const PAUSES_MS = { dense: 5, steady: 100 } as const

/** Clients that add 1 over and over, two by single requests and one that gathers; what they were told is in the ledger. Nobody
 *  else counts on their keys. */
class Adding {
  readonly ledger = new Ledger()
  readonly clients: readonly TallymeshClient[]
  pace: keyof typeof PAUSES_MS = 'dense'
  readonly #keys: readonly string[]
  readonly #lanes: Array<Promise<void>>
  #stopped = false

  constructor(nodes: readonly NodeProcess[], name: string) {
    this.#keys = [`orders-${name}`, `visits{page="/${name}"}`, `returns-${name}`]
    const urls = nodes.map(({ port }) => `http://127.0.0.1:${port}`)
    this.clients = [0, 0, 5].map((maxDelayMs, i) => {
      // Each begins with another server.
      const turned = [...urls.slice(i), ...urls.slice(0, i)]
      return new TallymeshClient({ urls: turned, timeoutMs: 1_000, maxDelayMs })
    })
    this.#lanes = this.clients.flatMap(client => Array.from({ length: LANES }, (_, lane) => this.#lane(client, lane)))
  }

  async #lane(client: TallymeshClient, first: number): Promise<void> {
    for (let i = first; !this.#stopped; i++) {
      const key = this.#keys[i % this.#keys.length] as string
      await this.ledger.note(key, client.add(key, 1))
      await new Promise(resolve => setTimeout(resolve, PAUSES_MS[this.pace]))
    }
  }

  async more(adds = 100): Promise<void> {
    const goal = this.ledger.acknowledged + adds
    await until(
      `${adds} more adds`,
      () => this.ledger.acknowledged >= goal || `${goal - this.ledger.acknowledged} to go`,
    )
  }

  async end(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
    await Promise.all(this.clients.map(client => client.close().catch(() => {})))
  }
}

const prepared = shared(test, async room => {
  // No balancer has to notice that one drains.
  room.flags = ['--drain-ms', '500']
  return { room, nodes: await room.startAll('a', 'b', 'c') }
})

/** @param fail fails nodes while clients add, and leaves three behind */
async function whileAdding(
  name: string,
  fail: (nodes: NodeProcess[], adding: Adding, room: ServerRoom) => Promise<void>,
): Promise<void> {
  const { room, nodes } = prepared()
  const adding = new Adding(nodes, name)
  try {
    await adding.more()
    await fail(nodes, adding, room)
    await adding.more()
    await adding.end()
    await room.agreed(nodes, adding.ledger)
  } finally {
    await adding.end()
  }
  const { failed, indeterminate } = adding.ledger
  assert.is(failed.length, 0, Ledger.tell(failed))
  assert.is(indeterminate.length, 0, Ledger.tell(indeterminate))
}

async function startAgain(room: ServerRoom, nodes: NodeProcess[], i: number, adding: Adding): Promise<void> {
  adding.pace = 'steady'
  const again = room.start(nodes[i]?.name as string)
  nodes[i] = again
  await again.ready()
  adding.pace = 'dense'
}

test('a server is killed and comes back: every add is there, once', async () => {
  await whileAdding('killed', async (nodes, adding, room) => {
    await nodes[0]?.kill()
    await adding.more()
    await startAgain(room, nodes, 0, adding)
  })
})

test('a server hangs: its adds go elsewhere, and count once when it goes on', async () => {
  await whileAdding('hung', async (nodes, adding) => {
    nodes[0]?.freeze()
    await adding.more()
    nodes[0]?.thaw()
  })
})

test('servers are stopped and started one after the other: every add is there, once', async () => {
  await whileAdding('stopped', async (nodes, adding, room) => {
    for (const [i, node] of [...nodes].entries()) {
      await node.terminate()
      await startAgain(room, nodes, i, adding)
      await adding.more(50)
    }
  })
})

test.run()
