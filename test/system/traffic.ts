import { TallymeshClient } from '@tallymesh/client'
import { until } from '../cluster/until.js'
import { Ledger } from './ledger.js'

const KEYS = ['orders', 'visits{page="/"}', 'returns', 'logins']
const PLAIN_CLIENTS = 3
const BUFFERING_CLIENTS = 2
const LANES = 4
const MAX_DELAY_MS = 10
/** A machine that runs other tests may take its time; who gives up early would be in doubt without a reason. */
const TIMEOUTS = { timeoutMs: 10_000, deadlineMs: 30_000 }

/** Clients that count through one address, some by single requests and some by batches, and what they were told. */
export class Traffic {
  readonly ledger = new Ledger()
  readonly #clients: readonly TallymeshClient[]
  #lanes: Array<Promise<void>> = []
  #stopped = false

  constructor(port: number) {
    const urls = [`http://127.0.0.1:${port}`]
    this.#clients = Array.from({ length: PLAIN_CLIENTS + BUFFERING_CLIENTS }, (_, i) => {
      return new TallymeshClient({ urls, ...TIMEOUTS, maxDelayMs: i < PLAIN_CLIENTS ? 0 : MAX_DELAY_MS })
    })
  }

  start(): void {
    for (const client of this.#clients) for (let i = 0; i < LANES; i++) this.#lanes.push(this.#lane(client, i))
  }

  /** Waits until so many more adds were acknowledged. */
  async counted(more = 300): Promise<void> {
    const { acknowledged } = this.ledger
    await until(`${more} more adds to be acknowledged`, () => {
      return this.ledger.acknowledged >= acknowledged + more || `${this.ledger.acknowledged - acknowledged}`
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
    this.#lanes = []
    // What failed is in the ledger.
    await Promise.all(this.#clients.map(client => client.close().catch(() => {})))
  }

  async #lane(client: TallymeshClient, first: number): Promise<void> {
    for (let i = first; !this.#stopped; i++) {
      const key = KEYS[i % KEYS.length] as string
      await this.ledger.note(key, client.add(key, 1))
    }
  }
}
