// deadline: 300 s
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { Claims } from './claims.js'
import { Network } from './half-open-network.js'
import { NamespacedNode } from './half-open-node.js'
import { Seed } from './seed.js'

const NAMES = ['a', 'b', 'c'] as const
type Name = (typeof NAMES)[number]
const PORT = 7001
/** Dials of one address that backoff with jitter allows: from 100 ms on twice as long each time, at most 5 s, half of that at
 *  the least. The first ten take 20 s or more; a storm has hundreds. */
const DIALS_MAX = 10
const DIAL_MS_MIN = 2_500

const test = suite('half-open links')
const seed = new Seed('half-open links')

/** Three nodes, each in a network namespace, counting. */
class Room {
  readonly claims: Readonly<Record<Name, Claims>> = { a: new Claims(), b: new Claims(), c: new Claims() }
  readonly #nodes = new Map<Name, NamespacedNode>()
  #stops: Array<() => Promise<void>> = []

  constructor(
    readonly network: Network,
    readonly dir: string,
  ) {}

  async start(): Promise<void> {
    for (const name of NAMES) {
      const node = await NamespacedNode.start(this.network.namespace(name), {
        ...{ name, room: 'shop', heartbeatMs: 200, antiEntropyMs: 500 },
        dataDir: join(this.dir, name),
        runtimeDir: join(this.dir, `run-${name}`),
        listen: { host: this.network.address(name), port: PORT },
        peers: [...this.#nodes.keys()].map(other => `ws://${this.network.address(other)}:${PORT}`),
      })
      this.#nodes.set(name, node)
    }
    await this.whole()
  }

  node(name: Name): NamespacedNode {
    return this.#nodes.get(name) as NamespacedNode
  }

  /** Waits until everybody has a link to everybody. */
  async whole(): Promise<void> {
    for (const name of NAMES) {
      const others = NAMES.filter(other => other !== name)
      await this.node(name).sees(Object.fromEntries(others.map(other => [other, 'up'])), others.length)
    }
  }

  /** Lets every node count on keys of its own. */
  count(): void {
    this.#stops = NAMES.map(name => {
      const keys = Array.from({ length: 8 }, (_, i) => `${name}-${i}`)
      this.claims[name].pauseMs = 20
      return this.claims[name].load(this.node(name), keys, seed, undefined, 2)
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map(stop => stop()))
  }

  /** What is counted on one node from now on reaches the other, whatever way it takes. */
  async hears(to: Name, from: Name, mark: string): Promise<void> {
    const key = `${from}-${mark}`
    assert.is(await this.claims[from].add(this.node(from), key), undefined, `${from} counts`)
    await until(`${to} to hear of ${key} from ${from}`, async () => {
      const { increments } = await this.node(to).call('totals', key)
      return increments === 1 || `${increments}`
    })
  }

  /** Waits until all show exactly what was acknowledged: nothing was refused, so nothing is in doubt. */
  async agree(): Promise<void> {
    await until('all nodes to show every count', async () => {
      for (const from of NAMES) {
        for (const at of NAMES) {
          const wrong = this.claims[from].contradiction(await this.node(at).call('counters', `${from}-`))
          if (wrong !== undefined) return `on ${at}: ${wrong}`
        }
      }
      return true
    })
  }

  async close(): Promise<void> {
    for (const node of this.#nodes.values()) await node.kill()
  }
}

/** What is lost goes from `from` to `to`, for longer than it takes to notice. */
async function loseOneWay(room: Room, from: Name, to: Name): Promise<void> {
  const { network, claims } = room
  const third = NAMES.find(name => name !== from && name !== to) as Name
  const before = { a: network.dials('a'), b: network.dials('b'), c: network.dials('c') }
  const told = { [from]: room.node(from).peers.length, [to]: room.node(to).peers.length }
  const errors = room.node(to).errors.length
  const startMs = performance.now()
  network.drop(from, to)
  // Either finds the link dead: who hears nothing by the missing heartbeats, the other by being cut off.
  await room.node(from).sees({ [to]: 'down', [third]: 'up' }, 1)
  await room.node(to).sees({ [from]: 'down', [third]: 'up' }, 1)
  await room.node(third).sees({ [from]: 'up', [to]: 'up' }, 2)
  const silent = new RegExp(`\\b${from} fell silent`)
  assert.ok(
    room
      .node(to)
      .errors.slice(errors)
      .some(({ message }) => silent.test(message)),
    `${to} says so`,
  )
  // Both count on, and hear of each other through the third.
  const acknowledged = claims[from].acknowledgements
  await room.hears(to, from, `${from}${to}-lost`)
  await room.hears(from, to, `${from}${to}-lost`)
  await until(`${from} to count on`, () => claims[from].acknowledgements > acknowledged + 50)
  await until('both to have dialed in vain', () => {
    const dials = [from, to].map(name => network.dials(name) - before[name])
    return dials.every(dialed => dialed >= 2) || dials.join(' and ')
  })
  network.heal(from, to)
  await room.whole()
  const spentMs = performance.now() - startMs
  for (const name of NAMES) {
    const dialed = network.dials(name) - before[name]
    assert.ok(dialed <= DIALS_MAX + spentMs / DIAL_MS_MIN, `${name} dialed ${dialed} times in ${spentMs.toFixed(0)} ms`)
  }
  for (const [name, other] of [
    [from, to],
    [to, from],
  ] as const) {
    const states = room
      .node(name)
      .peers.slice(told[name])
      .filter(peer => peer.name === other)
    assert.is(states.at(-1)?.state, 'up', `${name} was told of ${other}`)
    assert.ok(states.some(({ state }) => state === 'down'))
  }
}

test('are found and cut, go round by the third node, and heal', async () => {
  let network: Network
  try {
    network = await Network.open(...NAMES)
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    return console.log(`SKIP: network namespaces with a router need root and iproute2: ${reason}`)
  }
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-half-open-'))
  const room = new Room(network, dir)
  try {
    await room.start()
    room.count()
    await loseOneWay(room, 'a', 'b')
    await loseOneWay(room, 'b', 'a')
    await room.stop()
    await room.agree()
    const reported = NAMES.flatMap(name => room.node(name).errors)
    assert.ok(
      reported.every(({ code }) => code === 'LINK_FAILED'),
      JSON.stringify(reported),
    )
  } finally {
    await room.close()
    await network.remove()
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  }
})

test.run()
