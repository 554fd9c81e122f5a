// deadline: 300 s
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inCluster } from './cluster.js'
import type { NodeHandle } from './node-handle.js'
import type { Stall } from './stall-meter.js'
import { until } from './until.js'

/** Many: the code of a joiner that just started is compiled within its first batch, which takes as long in a small room. */
const COUNTERS = 200_000
const PREFIX = 'page-views-of-a-customer-with-a-long-name/'
/** The longest stall may take this share of the time that a node works for the joining: taken in one go it would be nearly all of it. */
const STALL_SHARE_MAX = 1 / 10
/** The first part of the log that goes through, about half of it. */
const CUT_BYTES = 5_200_000
/** What a counter takes on the wire, its name of some 45 bytes included. */
const COUNTER_BYTES_MAX = 60
/** A diff that was cut comes again. */
const DIFF_BYTES = 512 * 1024

const joiner = suite('a late joiner')

joiner(
  'with 200,000 counters goes on where it was cut off, and nobody stalls',
  inCluster(async cluster => {
    // The proxy is the only way: the old node advertises it, and the new one advertises nothing.
    const proxy = await cluster.proxy('old')
    const listen = async (name: string, advertise: string[]) => ({
      port: (await cluster.plan(name)).listen.port,
      advertise,
    })
    const old = await cluster.start('old', { listen: await listen('old', [proxy.url]) })
    await old.call('fill', PREFIX, COUNTERS)

    // Opened alone, so that what is measured is joining, not the start of a process.
    proxy.cut()
    const fresh = await cluster.start('fresh', { listen: await listen('fresh', []), peers: [proxy.url] })
    const parts = [await Part.begin(old), await Part.begin(fresh)]
    proxy.heal()
    proxy.cutAfter(CUT_BYTES)
    await until('the link to be cut half way', async () => proxy.isCut && (await fresh.call('stats')).links === 0)
    const first = proxy.bytesOut
    // Its own count is durable only after what came before it.
    await fresh.add('counted by the joiner', 1)
    const { keys } = await fresh.call('stats')
    for (const part of parts) await part.end()
    assert.ok(keys > 0 && keys < COUNTERS, `${keys} of ${COUNTERS} keys when it was cut off`)

    // It keeps what it has, across a restart too.
    await fresh.close()
    const again = await cluster.start('fresh')
    assert.is((await again.call('stats')).keys, keys)
    const rest = [await Part.begin(old), await Part.begin(again)]
    proxy.heal()
    await until('the joiner to have all counters', async () => {
      const now = await again.call('stats')
      return now.keys === COUNTERS + 1 || `${now.keys} keys`
    })
    for (const part of rest) await part.end()
    const second = proxy.bytesOut - first
    const told = `${keys} keys in ${first} bytes, the rest in ${second}`
    assert.ok(second < (COUNTERS - keys) * COUNTER_BYTES_MAX + DIFF_BYTES, `it got more than it lacked: ${told}`)

    const counters = await again.call('counters', PREFIX)
    assert.is(counters.length, COUNTERS)
    assert.ok(counters.every(([, value]) => value === 1))
    const all = [...parts, ...rest]
    console.log(`${told}; stalls of the old and the new node, before and after the cut: ${all.join(', ')}`)
    for (const part of all) assert.ok(part.stall.ownMs <= part.cpuMs * STALL_SHARE_MAX, `a stall of ${part}`)
  }),
)

/** What one node did of the joining. */
class Part {
  stall: Stall = { gapMs: 0, ownMs: 0 }
  /** Processor time. */
  cpuMs = 0

  private constructor(
    readonly node: NodeHandle,
    readonly beganMs: number,
  ) {}

  static async begin(node: NodeHandle): Promise<Part> {
    const { cpuMs } = await node.call('usage')
    // Asking for that collects garbage, which is a stall of its own.
    await node.call('stall')
    return new Part(node, cpuMs)
  }

  async end(): Promise<void> {
    this.stall = await this.node.call('stall')
    this.cpuMs = (await this.node.call('usage')).cpuMs - this.beganMs
  }

  toString(): string {
    const { gapMs, ownMs } = this.stall
    return `${gapMs.toFixed(1)} ms (${ownMs.toFixed(1)} ms its own, of ${this.cpuMs.toFixed(0)})`
  }
}

joiner.run()
