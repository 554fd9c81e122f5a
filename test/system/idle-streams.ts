import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { ask } from './answer.js'
import { DoorClient } from './door-client.js'
import { EventReader } from './event-reader.js'
import type { NodeProcess } from './node-process.js'
import { ServerRoom } from './server-room.js'

// Longer than the 60 s that the balancers allow a silent stream, and than the 30 s after which the stock provider gives up a
// silent connection.
const SILENT_MS = 65_000
/** One every 15 s. */
const HEARTBEATS_MIN = 4

/** A room of its own in which nothing happens, and streams through each balancer on which nothing comes but heartbeats. */
export class IdleStreams {
  readonly #room = new ServerRoom()
  readonly #readers: EventReader[] = []
  readonly #documents: DoorClient[] = []
  #nodes: readonly NodeProcess[] = []
  #sinceMs = 0

  async begin(): Promise<void> {
    this.#nodes = await this.#room.startAll('a', 'b')
    for (const { port } of await this.#room.balanceAll(this.#nodes)) {
      this.#readers.push(new EventReader(port, '/v1/counters/orders/watch'))
      this.#documents.push(new DoorClient(port, 'shop'))
    }
    await this.#count(0, 1)
    await this.#show(1)
    this.#sinceMs = performance.now()
  }

  /** Waits until they were silent for so long that they would have been ended; they still show the next change. */
  async outlast(): Promise<void> {
    const readers = this.#readers
    const silent = (): boolean | string => {
      if (readers.some(({ ended }) => ended)) throw new Error('a stream ended')
      return performance.now() - this.#sinceMs > SILENT_MS
    }
    await until('the streams to be silent for long', silent, 2 * SILENT_MS)
    for (const { heartbeats } of readers) assert.ok(heartbeats >= HEARTBEATS_MIN, `${heartbeats} heartbeats`)
    await this.#count(1, 10)
    await this.#show(11)
    for (const { closes } of this.#documents) assert.is(closes, 0)
  }

  async end(): Promise<void> {
    for (const each of [...this.#readers, ...this.#documents]) each.close()
    await this.#room.remove()
  }

  async #count(node: number, add: number): Promise<void> {
    const { status, text } = await ask(this.#nodes[node]?.port ?? 0, '/v1/counters/orders', { body: { add } })
    assert.is(status, 200, text)
  }

  async #show(value: number): Promise<void> {
    await until(`${value} in the streams`, () => this.#readers.every(({ last }) => last === value))
    await Promise.all(this.#documents.map(document => document.shows('orders', value)))
  }
}
