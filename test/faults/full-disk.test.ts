// deadline: 300 s
import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CallError } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'
import { numberFrom } from './environment.js'
import { Ledger } from './ledger.js'
import { Life } from './life.js'
import type { NodeUnderFault } from './node-under-fault.js'
import { inRoom, type RoomUnderFault } from './room-under-fault.js'
import { Seed } from './seed.js'

const CYCLES = numberFrom('CYCLES', 4)
const CYCLES_TO_SETTLE = 2
/** Both have a small disk each; a third node has room enough. */
const NAMES = ['a', 'b'] as const
const DISK_BYTES = 6 * 1024 * 1024
/** From no room at all to enough for LevelDB to write some tables before it runs out. */
const LEFT_BYTES_MAX = 160 * 1024
/** A store that cleans up behind itself may live with that for long: after so many more counts the rest is taken, too. */
const COUNTS_MAX = 100
/** What the load waits between two counts. */
const PAUSE_MS = 10

/** Counted once on each node, before anything fails. */
const ONCE = 'once'

const fullDisk = suite('full disks')

/** A file system in memory that can be filled and made empty again. */
class SmallDisk {
  readonly #ballast: string

  private constructor(readonly path: string) {
    this.#ballast = join(path, 'ballast')
  }

  /** @throws Error where this user may not mount */
  static mount(room: RoomUnderFault, name: string): SmallDisk {
    const path = room.subdirectory(name)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tallymesh-test', path], { stdio: 'pipe' })
    room.clears(() => execFileSync('umount', ['-l', path], { stdio: 'pipe' }))
    return new SmallDisk(path)
  }

  /** Takes all of the room that is left but so many bytes. */
  fill(leftBytes: number): void {
    const { bavail, bsize } = statfsSync(this.path)
    try {
      writeFileSync(this.#ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)), { flag: 'a' })
    } catch (error) {
      // The node took the room meanwhile: then the disk is full, as it is to be.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true })
  }
}

/** Three nodes under load, two of which run out of room time and again. */
class FullDisks {
  readonly ledger = new Ledger()
  readonly disks = new Map<string, SmallDisk>()
  readonly #lives = new Map<string, Life>()
  #loads = 0
  filled = 0
  kills = 0
  refusedToOpen = 0

  constructor(
    readonly room: RoomUnderFault,
    readonly seed: Seed,
  ) {}

  async begin(): Promise<void> {
    this.ledger.pauseMs = PAUSE_MS
    for (const name of [...NAMES, 'c']) {
      const disk = this.disks.get(name)
      await this.room.plan(name, disk ? { dataDir: join(disk.path, 'data') } : {})
      await this.ledger.add(await this.room.start(name), ONCE)
    }
    await Promise.all(this.room.nodes.map(node => node.linked(2)))
    await this.ledger.agreed(this.room.nodes)
    for (const node of this.room.nodes) this.load(node)
  }

  load(node: NodeUnderFault): void {
    this.#lives.set(node.name, new Life(node, this.ledger, `${node.name}-load-${++this.#loads}`))
  }

  async end(name: string): Promise<void> {
    await this.#lives.get(name)?.end()
    this.#lives.delete(name)
  }

  /** One or both disks fill up under load, some time passes, some processes are killed meanwhile, and room is made again.
   *  @param kills whether one is killed at least */
  async cycle(kills: boolean): Promise<void> {
    const { seed, room, ledger } = this
    const victims = seed.some(NAMES)
    const killed = victims.filter((_, i) => (kills && i === 0) || seed.chance(0.3))
    this.filled += victims.length
    const told = victims.map(name => {
      const { statuses, errors } = room.node(name)
      return { statuses: statuses.length, errors: errors.length }
    })
    for (const name of victims) this.disks.get(name)?.fill(seed.between(0, LEFT_BYTES_MAX))
    for (const [i, name] of victims.entries()) await this.#full(room.node(name), told[i] as (typeof told)[number])
    await this.#othersGoOn(victims)
    for (const name of killed) await this.#killWhileFull(name)
    const enough = ledger.acknowledgements + seed.between(0, 60)
    await until('the others to count', () => ledger.acknowledgements >= enough)
    for (const name of victims) this.disks.get(name)?.free()
    for (const name of killed) await this.#startAgain(name)
    for (const name of victims) await room.node(name).ready()
  }

  async settle(): Promise<void> {
    const nodes = this.room.nodes
    await Promise.all(nodes.map(node => this.end(node.name)))
    for (const node of nodes) {
      assert.is(node.gone, false, node.printed)
      assert.not.ok(node.statuses.includes('failed'), `${node.name} failed: ${node.codes}`)
    }
    await Promise.all(nodes.map(node => this.ledger.add(node, 'shared')))
    await this.ledger.agreed(nodes)
  }

  /** The load goes on until the disk is full: then the node is not ready, says so, and can be read.
   *  @param told how much it had told before */
  async #full(node: NodeUnderFault, told: { statuses: number; errors: number }): Promise<void> {
    const { ledger } = this
    const enough = ledger.acknowledgements + COUNTS_MAX
    await until(`the disk of ${node.name} to be full, and said to fail`, () => {
      if (ledger.acknowledgements > enough) this.disks.get(node.name)?.fill(0)
      const codes = new Set(node.errors.slice(told.errors).map(({ code }) => code))
      const closed = node.statuses.slice(told.statuses).includes('opening')
      return (
        (closed && codes.has('STORE_WRITE_FAILED')) ||
        `${ledger.acknowledgements} acknowledged, ${[...codes].join(' ')}`
      )
    })
    const { least } = ledger.bounds(ONCE)
    assert.is(await node.value(ONCE), least, 'it answers reads')
  }

  /** Those with room count on, and hear each other. */
  async #othersGoOn(full: readonly string[]): Promise<void> {
    const well = this.room.nodes.filter(({ name }) => !full.includes(name))
    for (const node of well) {
      const key = `heard-${++this.#loads}`
      await this.ledger.add(node, key)
      assert.is(this.ledger.bounds(key).least, 1, `${node.name} counts`)
      await until(`${key} on all with room`, async () => {
        const values = await Promise.all(well.map(other => other.value(key)))
        return values.every(value => value === 1) || values.join(' ')
      })
    }
  }

  /** A process that starts on a full disk says why it cannot, or opens. */
  async #killWhileFull(name: string): Promise<void> {
    await this.room.node(name).kill()
    await this.end(name)
    this.kills++
    try {
      await this.room.start(name)
    } catch (error) {
      assert.instance(error, CallError)
      assert.is((error as CallError).code, 'STORE_UNUSABLE', (error as CallError).message)
      this.refusedToOpen++
    }
    await this.room.node(name).kill()
  }

  async #startAgain(name: string): Promise<void> {
    this.load(await this.room.start(name))
  }
}

fullDisk(
  `${CYCLES} times full and free again, under load and with crashes, lose and double nothing`,
  inRoom(async room => {
    const disks = new FullDisks(room, new Seed('full-disk'))
    try {
      for (const name of NAMES) disks.disks.set(name, SmallDisk.mount(room, `disk-${name}`))
    } catch (error) {
      return console.log(`SKIP: full disks: ${(error as Error).message.split('\n').join(' ')}`)
    }
    await disks.begin()
    for (let number = 1; number <= CYCLES; number++) {
      await disks.cycle(number % 2 === 0)
      if (number % CYCLES_TO_SETTLE > 0) continue
      await disks.settle()
      for (const node of room.nodes) disks.load(node)
    }
    await disks.settle()
    // And all of them at once, as a crash of everything leaves them.
    await Promise.all(room.nodes.map(node => node.kill()))
    for (const name of [...NAMES, 'c']) await room.start(name)
    await disks.ledger.agreed(room.nodes)
    const { filled, kills, refusedToOpen, ledger } = disks
    assert.ok(kills > 0 || CYCLES < 2, 'a process was killed while its disk was full')
    assert.ok(ledger.refusals > 0, 'some counts were refused while a disk was full')
    console.log(
      `full-disk: ${filled} times full, ${kills} kills while full, of which ${refusedToOpen} refused to open then; ` +
        `${ledger.acknowledgements} acknowledged, ${ledger.indeterminate} indeterminate, ${ledger.refusals} refused`,
    )
  }),
)

fullDisk.run()
