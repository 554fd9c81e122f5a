// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { ask } from './answer.js'
import { BALANCERS, installed } from './balancer-process.js'
import { DoorClient } from './door-client.js'
import { EventReader } from './event-reader.js'
import { inRoom } from './server-room.js'

const idle = suite('streams on which nothing happens')

// One every 15 s: longer together than the 60 s that the balancers allow a silent stream, and than the 30 s after which
// the stock provider gives up a silent connection.
const HEARTBEATS = 5

idle(
  'stay open through both balancers, and still show the next change',
  inRoom(async room => {
    const nodes = await room.startAll('a', 'b')
    const ports: number[] = []
    for (const kind of BALANCERS) if (installed(kind)) ports.push((await room.balance(kind, nodes)).port)
    const readers = ports.map(port => new EventReader(port, '/v1/counters/orders/watch'))
    const documents = ports.map(port => new DoorClient(port, 'shop'))
    try {
      await ask(nodes[0]?.port ?? 0, '/v1/counters/orders', { body: { add: 1 } })
      await Promise.all(documents.map(document => document.shows('orders', 1)))
      const beaten = (): boolean | string => {
        if (readers.some(({ ended }) => ended)) throw new Error('a stream ended')
        return (
          readers.every(({ heartbeats }) => heartbeats >= HEARTBEATS) || readers.map(each => each.heartbeats).join()
        )
      }
      await until(`${HEARTBEATS} heartbeats`, beaten, 100_000)
      await ask(nodes[1]?.port ?? 0, '/v1/counters/orders', { body: { add: 10 } })
      await until('the change', () => readers.every(({ last }) => last === 11))
      await Promise.all(documents.map(document => document.shows('orders', 11)))
      for (const { closes } of documents) assert.is(closes, 0)
    } finally {
      for (const each of [...readers, ...documents]) each.close()
    }
  }),
)

idle.run()
