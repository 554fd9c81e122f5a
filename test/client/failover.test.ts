// deadline: 300 s
import { TallymeshClient } from '@tallymesh/client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { Ledger } from '../system/ledger.js'
import type { NodeProcess } from '../system/node-process.js'
import { inRoom, type ServerRoom } from '../system/server-room.js'

const test = suite('the client while servers fail')
const KEYS = ['orders', 'visits{page="/"}', 'returns']

/** Clients that add 1 over and over, two by single requests and one that gathers; what they were told is in the ledger. */
class Adding {
  readonly ledger = new Ledger()
  readonly clients: readonly TallymeshClient[]
  readonly #lanes: Array<Promise<void>>
  #stopped = false

  constructor(nodes: readonly NodeProcess[]) {
    const urls = nodes.map(({ port }) => `http://127.0.0.1:${port}`)
    this.clients = [0, 0, 5].map((maxDelayMs, i) => {
      // Each begins with another server.
      const turned = [...urls.slice(i), ...urls.slice(0, i)]
      return new TallymeshClient({ urls: turned, timeoutMs: 1_000, maxDelayMs })
    })
    this.#lanes = this.clients.flatMap(client => [0, 1, 2, 3].map(lane => this.#lane(client, lane)))
  }

  async #lane(client: TallymeshClient, first: number): Promise<void> {
    for (let i = first; !this.#stopped; i++) {
      const key = KEYS[i % KEYS.length] as string
      await this.ledger.note(key, client.add(key, 1))
    }
  }

  async more(adds = 500): Promise<void> {
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

async function whileAdding(
  room: ServerRoom,
  fail: (nodes: NodeProcess[], adding: Adding) => Promise<NodeProcess[]>,
): Promise<Ledger> {
  const adding = new Adding(await room.startAll('a', 'b', 'c').then(nodes => (all = nodes)))
  try {
    await adding.more()
    const nodes = await fail(all, adding)
    await adding.more()
    await adding.end()
    await room.agreed(nodes, adding.ledger)
  } finally {
    await adding.end()
  }
  assert.is(adding.ledger.failed.length, 0, Ledger.tell(adding.ledger.failed))
  return adding.ledger
}
let all: NodeProcess[] = []

test(
  'a server is killed and comes back: what was acknowledged is there, once',
  inRoom(async room => {
    const ledger = await whileAdding(room, async ([a, b, c], adding) => {
      await a?.kill()
      await adding.more()
      const again = room.start('a')
      await again.ready()
      return [again, b as NodeProcess, c as NodeProcess]
    })
    // Of each lane at most the add that was under way, of the gathering client one batch.
    assert.ok(ledger.indeterminate.length <= 12, `${ledger.indeterminate.length}: ${Ledger.tell(ledger.indeterminate)}`)
  }),
)

test(
  'a server hangs: its adds are in doubt, and the next go elsewhere',
  inRoom(async room => {
    const ledger = await whileAdding(room, async ([a, b, c], adding) => {
      a?.freeze()
      await adding.more()
      await a?.kill()
      const again = room.start('a')
      await again.ready()
      return [again, b as NodeProcess, c as NodeProcess]
    })
    assert.ok(ledger.indeterminate.every(({ code }) => code === 'INDETERMINATE'))
  }),
)

test(
  'servers are stopped and started one after the other: no add is in doubt',
  inRoom(async room => {
    const ledger = await whileAdding(room, async (nodes, adding) => {
      const again: NodeProcess[] = []
      for (const node of nodes) {
        await node.terminate()
        const started = room.start(node.name)
        await started.ready()
        again.push(started)
        await adding.more(100)
      }
      return again
    })
    assert.is(ledger.indeterminate.length, 0, Ledger.tell(ledger.indeterminate))
  }),
)

test.run()
