import { TallymeshClient } from '@tallymesh/client'
import { until } from '../cluster/until.js'
import { Ledger } from './ledger.js'

const PLAIN_CLIENTS = 2
const BUFFERING_CLIENTS = 1
const LANES = 2
const MAX_DELAY_MS = 10
/** What a lane waits after each answer: little around a fault, when something is to be under way at any moment, and more while
 *  processes start, whose time it would take. */
const PAUSES_MS = { dense: 25, steady: 100 } as const
/** A machine that runs other tests may take its time; who gives up early would be in doubt without a reason. */
const TIMEOUTS = { timeoutMs: 10_000, deadlineMs: 30_000 }

let number = 0

/** Clients that count through one address, some by single requests and some by batches, and what they were told. Nobody else
 *  counts on its keys. */
export class Traffic {
  readonly ledger = new Ledger()
  pace: keyof typeof PAUSES_MS = 'steady'
  readonly #keys: readonly string[]
  readonly #clients: readonly TallymeshClient[]
  #lanes: Array<Promise<void>> = []
  #stopped = false

  constructor(port: number) {
    number++
    this.#keys = [`orders-${number}`, `visits{page="/${number}"}`, `returns-${number}`, `logins-${number}`]
    const urls = [`http://127.0.0.1:${port}`]
    this.#clients = Array.from({ length: PLAIN_CLIENTS + BUFFERING_CLIENTS }, (_, i) => {
      return new TallymeshClient({ urls, ...TIMEOUTS, maxDelayMs: i < PLAIN_CLIENTS ? 0 : MAX_DELAY_MS })
    })
  }

  start(): void {
    for (const client of this.#clients) for (let i = 0; i < LANES; i++) this.#lanes.push(this.#lane(client, i))
  }

  /** Waits until so many more adds were acknowledged. */
  async counted(more = 60): Promise<void> {
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
      const key = this.#keys[i % this.#keys.length] as string
      await this.ledger.note(key, client.add(key, 1))
      await new Promise(resolve => setTimeout(resolve, PAUSES_MS[this.pace]))
    }
  }
}
