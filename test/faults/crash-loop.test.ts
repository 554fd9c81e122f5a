// deadline: 300 s
// For hundreds of rounds, without the runner's deadline: ROUNDS=500 node test/dist/faults/crash-loop.test.js
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { isGiven, numberFrom } from './environment.js'
import { Ledger } from './ledger.js'
import { Life } from './life.js'
import { inRoom, type RoomUnderFault } from './room-under-fault.js'
import { Seed } from './seed.js'

const ROUNDS = numberFrom('ROUNDS', 25)
const NAMES = ['a', 'b', 'c']
/** After so many rounds everything is compared. */
const ROUNDS_TO_SETTLE = 5

const crashLoop = suite('SIGKILL in a loop')

/** A room under load that loses nodes and gets them back. */
class CrashLoop {
  readonly seed = new Seed('crash-loop')
  readonly ledger = new Ledger()
  readonly #lives = new Map<string, Life>()
  #number = 0
  kills = 0
  killsWhileOpening = 0
  reads = 0

  constructor(readonly room: RoomUnderFault) {}

  async begin(): Promise<void> {
    for (const name of NAMES) {
      const node = await this.room.start(name)
      // So that each has a replica id of its own, and a witness for it, before the first crash.
      await this.ledger.add(node, 'shared')
    }
    await Promise.all(this.room.nodes.map(node => node.linked(NAMES.length - 1)))
    for (const name of NAMES) this.#load(name)
  }

  async round(): Promise<void> {
    const { seed, ledger, room } = this
    const enough = ledger.acknowledgements + seed.between(0, 150)
    // A kill is to meet counts under way.
    const { pauseMs } = ledger
    ledger.pauseMs = 0
    await until('some load', () => ledger.acknowledgements >= enough || `${ledger.acknowledgements}`)
    const victims = this.#victims()
    this.kills += victims.length
    await Promise.all(victims.map(name => room.node(name).kill()))
    ledger.pauseMs = pauseMs
    await Promise.all(victims.map(name => this.#end(name)))
    // Drawn in order, before anything runs side by side: a seed repeats them.
    const delaysMs = victims.map(() => (seed.chance(0.15) ? seed.between(0, 400) : undefined))
    await Promise.all(victims.map((name, i) => this.#restart(name, delaysMs[i])))
  }

  /** One node, two or all of them. */
  #victims(): readonly string[] {
    const { seed } = this
    if (seed.chance(0.2)) return NAMES
    const chosen = seed.pick(NAMES)
    return seed.chance(0.2) ? NAMES.filter(name => name !== chosen) : [chosen]
  }

  /** Stops counting, waits until all nodes agree on what the ledger allows, and goes on. */
  async settle(): Promise<void> {
    await Promise.all(NAMES.map(name => this.#end(name)))
    await this.ledger.agreed(this.room.nodes)
    for (const name of NAMES) this.#load(name)
  }

  async finish(): Promise<void> {
    await Promise.all(NAMES.map(name => this.#end(name)))
    for (const node of this.room.nodes) await this.ledger.add(node, 'shared')
    await this.ledger.agreed(this.room.nodes)
    assert.is(this.ledger.contradiction(await this.room.node('a').call('counters')), undefined)
  }

  /** @param killAfterMs when the opening process is killed, and started once more */
  async #restart(name: string, killAfterMs: number | undefined): Promise<void> {
    const { room } = this
    if (killAfterMs !== undefined) {
      const node = await room.launch(name)
      const opening = node.open().catch(() => undefined)
      // The moment is the fault; nothing is waited for.
      await new Promise(resolve => setTimeout(resolve, killAfterMs))
      await node.kill()
      await opening
      this.killsWhileOpening++
    }
    await room.start(name)
    this.#load(name)
  }

  #load(name: string): void {
    this.#lives.set(name, new Life(this.room.node(name), this.ledger, `${name}-life-${++this.#number}`))
  }

  async #end(name: string): Promise<void> {
    const life = this.#lives.get(name)
    this.#lives.delete(name)
    if (!life) return
    await life.end()
    this.reads += life.reads
    assert.is(life.node.codes, '', `${name} reported nothing`)
  }
}

crashLoop(
  `${ROUNDS} rounds of killed nodes under load lose and double nothing, and take no new ids`,
  inRoom(async room => {
    const loop = new CrashLoop(room)
    const { ledger } = loop
    await loop.begin()
    for (let round = 1; round <= ROUNDS; round++) {
      await loop.round()
      if (round % ROUNDS_TO_SETTLE === 0) await loop.settle()
      if (isGiven('ROUNDS') && round % 10 === 0) {
        console.log(`round ${round}: ${loop.kills} kills, ${ledger.acknowledgements} acknowledged`)
      }
    }
    await loop.finish()
    const stats = await Promise.all(room.nodes.map(node => node.call('stats')))
    assert.equal(
      stats.map(({ logs }) => logs),
      NAMES.map(() => NAMES.length),
      'a crash of the process alone takes no new id',
    )
    assert.ok(loop.reads > ROUNDS, 'reads were made meanwhile')
    console.log(
      `crash-loop: ${loop.kills} kills, ${loop.killsWhileOpening} more while opening, ${ledger.acknowledgements} acknowledged, ` +
        `${ledger.indeterminate} indeterminate, ${ledger.refusals} refused, ${loop.reads} reads`,
    )
  }),
)

crashLoop.run()
