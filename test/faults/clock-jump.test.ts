// deadline: 300 s
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Launch } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'
import { KernelClock } from './kernel-clock.js'
import { Ledger } from './ledger.js'
import { Life } from './life.js'
import type { NodeUnderFault } from './node-under-fault.js'
import { inRoom, type RoomUnderFault } from './room-under-fault.js'
import { Seed } from './seed.js'

const HOURS_2_MS = 2 * 60 * 60 * 1000
/** Far below what a clock jumps, far above what a busy machine takes. */
const SOON_MS = 20_000
const PRELOAD = fileURLToPath(new URL('./clock-shift.js', import.meta.url))
const READ_BY_THE_PROGRAM: Launch = { execArgv: ['--import', PRELOAD] }

const clockJump = suite('clocks that jump')

/** Three nodes under load, one of which reads other clocks than the others. */
class Jumps {
  readonly ledger = new Ledger()
  readonly #lives = new Map<string, Life>()
  #number = 0

  constructor(
    readonly room: RoomUnderFault,
    readonly seed: Seed,
    readonly launch: Launch,
  ) {}

  async begin(): Promise<void> {
    for (const name of ['a', 'b', 'c']) await this.start(name)
    await this.wellSoon()
  }

  async start(name: string): Promise<NodeUnderFault> {
    const node = await this.room.start(name, name === 'b' ? this.launch : undefined)
    this.#lives.set(name, new Life(node, this.ledger, `${name}-life-${++this.#number}`))
    return node
  }

  async kill(name: string): Promise<void> {
    await this.room.node(name).kill()
    await this.#end(name)
  }

  /** Some load, so that a jump comes in the middle of it. */
  async someLoad(): Promise<void> {
    const enough = this.ledger.acknowledgements + this.seed.between(20, 80)
    await until('some load', () => this.ledger.acknowledgements >= enough, SOON_MS)
  }

  /** Everybody counts, hears the others, and takes everybody for up. */
  async wellSoon(): Promise<void> {
    const { nodes } = this.room
    const key = `probe-${++this.#number}`
    await Promise.all(nodes.map(node => this.ledger.add(node, key)))
    await until(
      `${key} counted and heard`,
      async () => {
        const values = await Promise.all(nodes.map(node => node.value(key)))
        return values.every(value => value === nodes.length) || values.join(' ')
      },
      SOON_MS,
    )
    await until(
      'everybody to take everybody for up',
      async () => {
        const members = await Promise.all(nodes.map(node => node.call('members')))
        const others = members.flatMap((seen, i) => seen.filter(({ self }) => !self).map(member => ({ ...member, i })))
        const away = others.filter(({ state }) => state !== 'up')
        const links = await Promise.all(nodes.map(async node => (await node.call('stats')).links))
        const missing = others.length < nodes.length * (nodes.length - 1) || links.some(link => link < nodes.length - 1)
        if (away.length === 0 && !missing) return true
        return `${away.map(({ i, name, state }) => `${nodes[i]?.name} has ${name} ${state}`).join(', ')}; links ${links.join(' ')}`
      },
      SOON_MS,
    )
  }

  /** Compares everything at the end. */
  async finish(): Promise<void> {
    await Promise.all([...this.#lives.keys()].map(name => this.#end(name)))
    await this.ledger.agreed(this.room.nodes)
    for (const node of this.room.nodes) assert.is(node.codes, '', `${node.name} reported nothing`)
    const { acknowledgements, indeterminate } = this.ledger
    console.log(`clock-jump: ${acknowledgements} acknowledged, ${indeterminate} indeterminate`)
  }

  async #end(name: string): Promise<void> {
    await this.#lives.get(name)?.end()
    this.#lives.delete(name)
  }
}

/** Makes a clock jump on, and waits until the process has seen it: otherwise nothing would be tested. */
async function seenBy(node: NodeUnderFault, jumpsOn: () => unknown): Promise<void> {
  await node.call('stall')
  await jumpsOn()
  await until(`${node.name} to see its clock jump`, async () => {
    const { gapMs } = await node.call('stall')
    return gapMs > HOURS_2_MS / 2 || `${gapMs} ms`
  })
}

/** Jumps in the middle of traffic, and while a peer is away, which then comes back. */
async function jumpOnce(jumps: Jumps, jump: () => Promise<void>, jumpAgain: () => Promise<void>): Promise<void> {
  await jumps.someLoad()
  await jump()
  await jumps.someLoad()
  await jumps.wellSoon()
  const away = jumps.seed.pick(['a', 'c'])
  await jumps.kill(away)
  await jumps.someLoad()
  await jumpAgain()
  await jumps.start(away)
  await jumps.wellSoon()
}

clockJump(
  'two hours either way, in every clock that the program reads: nothing changes and nothing waits',
  inRoom(async room => {
    const jumps = new Jumps(room, new Seed('clock-jump'), READ_BY_THE_PROGRAM)
    await jumps.begin()
    let shiftMs = 0
    const by = (ms: number) => async () => {
      shiftMs += ms
      const b = room.node('b')
      const jump = () => b.send({ shiftMs }, 'status')
      await (ms > 0 ? seenBy(b, jump) : jump())
    }
    await jumpOnce(jumps, by(HOURS_2_MS), by(-HOURS_2_MS))
    await jumpOnce(jumps, by(-HOURS_2_MS), by(HOURS_2_MS))
    await jumps.finish()
  }),
)

clockJump(
  'two hours back, on a node that only dials, while its peer is away: it dials again soon',
  inRoom(async room => {
    const a = await room.start('a')
    const { listen: _none, ...dials } = await room.plan('b')
    const b = await room.dialer(dials, READ_BY_THE_PROGRAM)
    await b.linked(1)
    await a.kill()
    await until('b to have dialed in vain', async () => {
      const [peer] = (await b.call('members')).filter(({ self }) => !self)
      return peer?.state === 'down' || `${peer?.state}`
    })
    await b.send({ shiftMs: -HOURS_2_MS }, 'status')
    const again = await room.start('a')
    await until('b to be linked', async () => (await again.call('stats')).links === 1, SOON_MS)
    await Promise.all([b.add('orders', 1), again.add('orders', 2)])
    await until('both to agree', async () => {
      const values = await Promise.all([b, again].map(node => node.value('orders')))
      return values.join(' ') === '3 3' || values.join(' ')
    })
  }),
)

clockJump(
  'two hours either way in the time of day, and two hours on in the time since boot, as the kernel tells them',
  inRoom(async room => {
    let clock: KernelClock
    try {
      clock = KernelClock.make(room.dir)
    } catch (error) {
      return console.log(`SKIP: clocks of the kernel's: ${(error as Error).message.split('\n')[0]}`)
    }
    const jumps = new Jumps(room, new Seed('clock-jump'), clock.launch)
    await jumps.begin()
    const hoursS = HOURS_2_MS / 1000
    const timeOfDay = (shiftS: number) => async () => clock.shift(shiftS, 0)
    await jumpOnce(jumps, timeOfDay(-hoursS), timeOfDay(hoursS))
    // As on a machine that was suspended: every timer is due at once.
    const both = (shiftS: number) => () => seenBy(room.node('b'), () => clock.shift(shiftS, shiftS))
    await jumpOnce(jumps, both(hoursS), both(2 * hoursS))
    await jumps.finish()
  }),
)

clockJump.run()
