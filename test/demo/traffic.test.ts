import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ledger } from '#demo/ledger.js'
import { Seeded } from '#demo/seeded.js'
import { Traffic } from '#demo/traffic.js'

const traffic = suite('the traffic of the demo')
const OPERATIONS = 20

interface Try {
  readonly id: string
  readonly keys: readonly string[]
  /** Of this id, from 1 on. */
  readonly number: number
}

/** A server that counts each id once, and answers as told. */
class CountingServer {
  readonly counted = new Map<string, readonly string[]>()
  readonly #tries = new Map<string, number>()
  readonly #server: Server

  private constructor(answer: (at: Try, answered: ServerResponse) => void) {
    this.#server = createServer((request, answered) => {
      void this.#take(request).then(at => answer(at, answered))
    })
  }

  static async start(answer: (at: Try, answered: ServerResponse) => void): Promise<CountingServer> {
    const server = new CountingServer(answer)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What the counters are, in key order. */
  get totals(): Array<readonly [string, number]> {
    const totals = new Map<string, number>()
    for (const key of [...this.counted.values()].flat()) totals.set(key, (totals.get(key) ?? 0) + 1)
    return [...totals].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #take(request: IncomingMessage): Promise<Try> {
    const id = String(request.headers['idempotency-key'])
    const keys = ((await json(request)) as Array<{ key: string }>).map(({ key }) => key)
    this.counted.set(id, keys)
    const number = (this.#tries.get(id) ?? 0) + 1
    this.#tries.set(id, number)
    return { id, keys, number }
  }
}

function acknowledge({ keys }: Try, answered: ServerResponse): void {
  answered.setHeader('content-type', 'application/json')
  answered.end(JSON.stringify(keys.map(key => ({ key, value: 1 }))))
}

function refuse(answered: ServerResponse, status: number, code: string, counted: boolean): void {
  const headers = { 'content-type': 'application/problem+json', 'tallymesh-node': 'api-1' }
  answered.writeHead(status, headers)
  answered.end(JSON.stringify({ type: 'about:blank', title: code, status, code, detail: '', counted }))
}

/** Lets customers come until `enough`, and answers what the books say once the traffic has ended. */
async function flow(server: CountingServer, settleMs: number, enough: (ledger: Ledger) => boolean) {
  const ledger = new Ledger()
  const random = new Seeded(1)
  const pace = { customers: 4, ratePerSecondMax: 200, replicas: 2 }
  const flowing = new Traffic({ urls: [server.url], ledger, random, ...pace })
  flowing.start()
  while (!enough(ledger)) await new Promise(resolve => setImmediate(resolve))
  await flowing.stop(settleMs)
  server.close()
  return { ledger, flowing }
}

traffic(
  'what breaks off after it was counted, or is on one disk, is tried again under its id, and counts once',
  async () => {
    const server = await CountingServer.start((at, answered) => {
      if (at.number === 1) answered.destroy()
      else if (at.number === 2) refuse(answered, 504, 'NOT_REPLICATED', true)
      else acknowledge(at, answered)
    })
    const { ledger, flowing } = await flow(server, 30_000, ({ acknowledged }) => acknowledged >= OPERATIONS)
    assert.equal([ledger.open, ledger.refused], [[], 0])
    assert.is(ledger.acknowledged, server.counted.size)
    assert.equal(
      ledger.rows().map(([key, { acknowledged }]) => [key, acknowledged]),
      server.totals,
    )
    assert.equal([flowing.attempts.broken, flowing.errors], [ledger.acknowledged, ledger.acknowledged])
    assert.is(flowing.aloneOn('api-1'), ledger.acknowledged)
  },
)

traffic('what cannot be settled until the end stays open, and is named', async () => {
  const server = await CountingServer.start((_at, answered) => void answered.destroy())
  const { ledger } = await flow(server, 50, () => server.counted.size >= 4)
  assert.is(ledger.acknowledged, 0)
  assert.equal(ledger.open.map(({ id }) => id).sort(), [...server.counted.keys()].sort())
  for (const { id, keys, why } of ledger.open) {
    assert.equal(keys, server.counted.get(id))
    assert.is(why, 'INDETERMINATE')
  }
})

traffic('what is refused for good is no longer tried', async () => {
  const server = await CountingServer.start((_at, answered) => refuse(answered, 400, 'COUNTER_OVERFLOW', false))
  const { ledger } = await flow(server, 30_000, ({ refused }) => refused >= 4)
  assert.equal([ledger.acknowledged, ledger.open], [0, []])
  assert.is(ledger.refused, server.counted.size)
})

traffic.run()
