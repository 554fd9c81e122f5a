// deadline: 300 s
import { randomBytes } from 'node:crypto'
import * as encoding from 'lib0/encoding'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { allShow, Cluster, inCluster } from './cluster.js'
import type { NodeHandle } from './node-handle.js'
import { Stranger } from './stranger.js'
import { until } from './until.js'

const hostile = suite('hostile peers')

const SYNC_KIND = 17
const SYNC_UPDATE = 2
const MEBIBYTE = 1024 * 1024

/** A frame that claims to carry an update of `log`. */
function syncBody(log: number, update: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, log)
  encoding.writeVarUint(encoder, SYNC_UPDATE)
  encoding.writeVarUint8Array(encoder, update)
  return encoding.toUint8Array(encoder)
}

/** The update of a change to an empty document by the client `client`. */
function updateBy(client: number, change: (doc: Y.Doc) => void): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = client
  change(doc)
  return Y.encodeStateAsUpdate(doc)
}

/** Two linked nodes; each attack goes to the first, and what it left is what the next one meets. */
const cluster = new Cluster()
let a: NodeHandle
let b: NodeHandle
let orders = 5

hostile.before(async () => {
  ;[a, b] = (await cluster.startAll('a', 'b')) as [NodeHandle, NodeHandle]
  await Promise.all([a.add('orders', orders), b.add('visits', 70)])
  await allShow([a, b], 'orders', orders)
  await allShow([a, b], 'visits', 70)
})
hostile.after(() => cluster.remove())

/** The link to the stranger is gone, with an error that has this code; nothing else happened. */
async function unharmed(stranger: Stranger, code: string): Promise<void> {
  await stranger.ended()
  const { message } = await a.reported(code)
  assert.ok(message.length > code.length + 10, message)
  await a.linked(1)
  assert.equal(await a.call('counters'), [
    ['orders', orders],
    ['visits', 70],
  ])
  await a.add('orders', 1)
  await allShow([a, b], 'orders', ++orders)
  assert.is(await a.call('status'), 'ready')
  assert.equal(b.errors, [])
}

const ATTACKS: ReadonlyArray<readonly [name: string, code: string, attack: (stranger: Stranger) => void]> = [
  ['garbage', 'FRAME_DAMAGED', stranger => stranger.ws.send(randomBytes(1000))],
  ['a text message', 'FRAME_DAMAGED', stranger => stranger.ws.send('GET / HTTP/1.1')],
  ['a whole frame with garbage in it', 'FRAME_DAMAGED', stranger => stranger.send(SYNC_KIND, randomBytes(1000))],
  ['a frame of an unknown kind', 'FRAME_DAMAGED', stranger => stranger.send(200, new Uint8Array(10))],
  ['100 MB in one message', 'FRAME_TOO_LARGE', stranger => stranger.begin(100 * MEBIBYTE, MEBIBYTE)],
  [
    'an update that writes to another root',
    'UPDATE_REFUSED',
    stranger =>
      stranger.send(
        SYNC_KIND,
        syncBody(
          4711,
          updateBy(4711, doc => doc.getMap('orders').set('total', 1e9)),
        ),
      ),
  ],
  [
    'an update of another client than the log',
    'UPDATE_REFUSED',
    stranger =>
      stranger.send(
        SYNC_KIND,
        syncBody(
          4711,
          updateBy(4712, doc => doc.getArray('log/1267').push([new Uint8Array(8)])),
        ),
      ),
  ],
  [
    'an update whose elements are no batches',
    'UPDATE_REFUSED',
    stranger =>
      stranger.send(
        SYNC_KIND,
        syncBody(
          4711,
          updateBy(4711, doc => doc.getArray('log/1267').push([new Uint8Array(40)])),
        ),
      ),
  ],
]

for (const [name, code, attack] of ATTACKS) {
  hostile(`${name}: the link ends with ${code}, nothing changes, and the node goes on`, async () => {
    a.errors.length = 0
    const stranger = await Stranger.linked(`ws://127.0.0.1:${a.options.listen?.port}/`)
    try {
      attack(stranger)
      await unharmed(stranger, code)
    } finally {
      stranger.close()
    }
  })
}

hostile(
  'a peer that stops reading is cut off before it costs much memory, and slows nobody',
  inCluster(async cluster => {
    // Heartbeats are rare, so that it is its unread queue that ends the link and not its silence.
    const a = await cluster.start('a', { heartbeatMs: 20_000 })
    const b = await cluster.start('b', { heartbeatMs: 20_000 })
    await Promise.all([a.linked(1), b.linked(1)])
    const stranger = await Stranger.linked(`ws://127.0.0.1:${a.options.listen?.port}/`)
    try {
      stranger.stopReading()
      const prefix = 'a-counter-with-quite-a-long-name-so-that-updates-are-large/'
      await a.call('fill', prefix, 200)
      const before = (await a.call('usage')).heapBytes
      let most = 0
      let rounds = 1
      await until(
        'the slow peer to be cut off',
        async () => {
          // The collection of garbage before each figure costs more than some rounds.
          for (let i = 0; i < 40; i++) await a.call('fill', prefix, 200)
          rounds += 40
          most = Math.max(most, (await a.call('usage')).heapBytes)
          return a.errors.some(error => error.code === 'PEER_SLOW') || `${rounds} rounds`
        },
        150_000,
      )
      const grownMiB = (most - before) / MEBIBYTE
      console.log(
        `cut off after ${rounds} commits of 200 counters; the heap grew by ${grownMiB.toFixed(1)} MiB at most`,
      )
      assert.ok(grownMiB < 48, `the heap grew by ${grownMiB.toFixed(1)} MiB`)
      await allShow([a, b], `${prefix}199`, rounds)
      await a.linked(1)
      assert.equal(b.errors, [])
    } finally {
      stranger.close()
    }
  }),
)

hostile.run()
