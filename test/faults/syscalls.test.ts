// deadline: 300 s
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
import { type SyscallFault, SyscallFaults, whyNoSyscallFaults } from './syscall-faults.js'

/** How many times every case is tried, in another order each time, and with one of its errors each time. */
const TIMES = numberFrom('TIMES', 1)
/** strace counts calls for each thread: with one thread in libuv's pool, all writes of a store are of that one, but for those of
 *  LevelDB's compaction. */
const LAUNCH = { env: { UV_THREADPOOL_SIZE: '1' } }
/** A fault that was not met after so many more counts lies behind what the phase does. */
const COUNTS_MAX = 60
/** What the load waits between two counts. */
const PAUSE_MS = 5
/** After so many faults the node opens what it would have left if it had been killed. */
const FAULTS_TO_REOPEN = 4
/** After so many faults a process is killed for real, and another takes its place. */
const FAULTS_TO_KILL = 12
/** What opening may be refused with while the disk fails. */
const REFUSALS = new Set(['STORE_UNUSABLE'])

const syscalls = suite('failing system calls')

type Case = readonly SyscallFault[]
type Where = 'anywhere' | RegExp

/** A place where something fails, with each of the errors that it may fail with. */
type Place = readonly Case[]

function matrix(calls: Readonly<Record<string, readonly (number | string)[]>>, before: Case = []): Place[] {
  return Object.entries(calls).flatMap(([call, whens]) =>
    whens.map(when => (['EIO', 'ENOSPC'] as const).map(error => [...before, { call, error, when: `${when}` }])),
  )
}

/** What a node does while counting: a write to the journal and a sync for each commit. */
const COUNTING = matrix({
  write: [1, 2, 3, 5, 8, '1..3'],
  fdatasync: [1, 2, 3, 5, 8, '1..3'],
})

/** After a failed sync the store is reopened: that fails, too. */
const REOPENING = matrix(
  {
    write: [2, 3, 4, 6, '2..6'],
    fsync: [1, 2, 3, '1..3'],
    rename: [1, 2, '1..3'],
    openat: [1, 3, 8, 12, 16, '1..5'],
    read: [2, 6],
  },
  [{ call: 'fdatasync', error: 'EIO', when: '1' }],
)

/** Opening what a killed process left. */
const OPENING = matrix({
  write: [1, 2, 4, 6, 8],
  fdatasync: [1, 2, 3, 4, '1..2'],
  fsync: [1, 2, 3],
  rename: [1, 2, 3],
  openat: [1, 2, 3, 5, 8, 12, 16, 20, 24],
  read: [1, 2, 3, 5, 8, 12],
})

/** The same, where calls on LevelDB's write-ahead logs alone fail: it skips a log that it cannot read. */
const RECOVERING = matrix({
  openat: [1, 2, 3, 4, 5, 6],
  read: [1, 2, 3, 4, 5, 6],
})

/** The first start, in a directory that does not exist. */
const CREATING = matrix({
  fdatasync: [1, 2, 3, 4, 6],
  fsync: [1, 2, 3, 5, 7],
  rename: [1, 2, 3, 4],
})

/** One node whose disk fails now and then, and what was counted on it. */
class FailingDisk {
  ledger = new Ledger()
  readonly #tally = new Map<string, number>()
  #loads = 0
  #copies = 0

  constructor(readonly room: RoomUnderFault) {}

  /** @param where `anywhere`: calls on all files fail; else those on files of such names within the data directory as it
   *    is now */
  async lay(node: NodeUnderFault, faults: Case, where: Where = /./): Promise<SyscallFaults> {
    const trace = join(this.room.dir, 'trace')
    if (where === 'anywhere') return SyscallFaults.lay(node.pid, undefined, trace, faults)
    return SyscallFaults.lay(node.pid, node.options.dataDir, trace, faults, where)
  }

  async lift(laid: SyscallFaults): Promise<number> {
    await laid.lift()
    const { injected } = laid
    for (const line of injected) this.note(/^\d+ +(\w+)\(/.exec(line)?.[1] ?? line)
    return injected.length
  }

  note(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1)
  }

  times(what: string): number {
    return this.#tally.get(what) ?? 0
  }

  get summary(): string {
    const parts = [...this.#tally].sort().map(([what, times]) => `${what} ${times}`)
    const { acknowledgements, refusals, indeterminate } = this.ledger
    return `${parts.join(', ')}; ${acknowledgements} acknowledged, ${indeterminate} indeterminate, ${refusals} refused`
  }

  /** Counts until the faults were met, or are out of reach, and ends them. */
  async countThrough(node: NodeUnderFault, faults: Case): Promise<void> {
    const { ledger } = this
    const laid = await this.lay(node, faults)
    const life = new Life(node, ledger, `load-${++this.#loads}`)
    ledger.pauseMs = PAUSE_MS
    const enough = ledger.acknowledgements + COUNTS_MAX
    const wanted = faults.reduce((sum, { when }) => sum + Number(/\.\.(\d+)/.exec(when)?.[1] ?? 1), 0)
    await until('the faults to be met', async () => {
      if (node.gone) throw new Error(`the process ended by itself: ${node.printed}`)
      const { length } = laid.injected
      return (
        length >= wanted || ledger.acknowledgements >= enough || `${length} of ${wanted}, ${await node.call('status')}`
      )
    })
    const met = await this.lift(laid)
    await this.recovered(node)
    await settled(life.end())
    // What failed outside of a commit shows at the next one.
    await ledger.add(node, 'shared')
    await this.recovered(node)
    assert.is(node.gone, false, node.printed)
    if (met > 0) assert.ok(/STORE_|INDETERMINATE/.test(node.codes), `it reports a failing disk: ${node.codes}`)
    await ledger.agreed([node])
    node.errors.length = 0
  }

  /** A node goes on by itself once its disk works. */
  async recovered(node: NodeUnderFault): Promise<void> {
    await node.ready()
    assert.not.ok(node.statuses.includes('failed'), `it failed: ${node.codes}`)
  }

  /** Opens while calls fail; if that is refused, for a reason with a name, opens again in the same process without. */
  async openThrough(node: NodeUnderFault, faults: Case, where?: Where): Promise<void> {
    const laid = await this.lay(node, faults, where)
    const refused = await node.open().then(
      () => undefined,
      error => error as CallError,
    )
    const met = await this.lift(laid)
    if (refused) {
      assert.ok(met > 0, `nothing failed, and yet it was refused: ${refused.message}`)
      assert.instance(refused, CallError)
      assert.ok(REFUSALS.has(refused.code), `${refused.code}: ${refused.message}`)
      this.note(`refused to open (${refused.code})`)
      await node.open()
    } else if (met > 0) this.note('opened all the same')
    await this.ledger.add(node, 'shared')
    await this.recovered(node)
    assert.is(node.gone, false, node.printed)
    await this.ledger.agreed([node])
  }

  /** A process that is about to open what the last one left when it was killed. Most kills are told by a copy of what is there at
   *  that moment, which the same process opens: a start costs more than all else.
   *  @param number of faults so far */
  async killed(number: number): Promise<NodeUnderFault> {
    const { room } = this
    const node = room.node('a')
    if (number % FAULTS_TO_KILL === 0) {
      await node.kill()
      const next = await room.launch('a', LAUNCH)
      // The process loads what it runs before it answers.
      await next.call('stall')
      return next
    }
    const copy = `copy-${++this.#copies}`
    const to = { dataDir: join(room.dir, copy), runtimeDir: join(room.dir, `run-of-${copy}`) }
    await node.copyAsKilled(to)
    await node.closeFor(await room.plan('a', to))
    return node
  }

  async reopen(number = FAULTS_TO_KILL): Promise<NodeUnderFault> {
    const node = await this.killed(number)
    await node.open()
    await this.ledger.agreed([node])
    return node
  }
}

/** Waits until nothing hangs any more. */
async function settled(ending: Promise<void>): Promise<void> {
  let over = false
  const end = ending.finally(() => {
    over = true
  })
  end.catch(() => undefined)
  await until('every count to be answered', () => over)
  await end
}

function shuffled(seed: Seed, places: readonly Place[]): Case[] {
  const cases = Array.from({ length: TIMES }, () => places.map(place => seed.pick(place))).flat()
  const keyed = cases.map(faults => ({ faults, key: seed.random() }))
  return keyed.sort((one, other) => one.key - other.key).map(({ faults }) => faults)
}

function describe(faults: Case): string {
  return faults.map(({ call, error, when }) => `${call}:error=${error}:when=${when}`).join(' ')
}

/** Tries each case, and names the one that a failure is of. */
async function each(cases: readonly Case[], attempt: (faults: Case, number: number) => Promise<void>): Promise<void> {
  for (const [number, faults] of cases.entries()) {
    try {
      await attempt(faults, number)
    } catch (cause) {
      throw new Error(`case ${number + 1} of ${cases.length}, ${describe(faults)}: ${String(cause)}`, { cause })
    }
  }
}

function scenario(
  name: string,
  calls: readonly string[],
  body: (disk: FailingDisk, seed: Seed) => Promise<void>,
): void {
  syscalls(
    name,
    inRoom(async room => {
      const why = whyNoSyscallFaults()
      if (why !== undefined) return console.log(`SKIP: failing system calls: ${why}`)
      const disk = new FailingDisk(room)
      await body(disk, new Seed(`syscalls, ${name}`))
      console.log(`syscalls, ${name}: ${disk.summary}`)
      for (const call of calls) assert.ok(disk.times(call) > 0, `${call} failed at least once`)
    }),
  )
}

scenario(
  'while a node counts and reopens its store',
  ['write', 'fdatasync', 'fsync', 'rename', 'openat'],
  async (disk, seed) => {
    let node = await disk.room.start('a', LAUNCH)
    await disk.ledger.add(node, 'shared')
    await each(shuffled(seed, [...COUNTING, ...REOPENING]), async (faults, number) => {
      await disk.countThrough(node, faults)
      if ((number + 1) % FAULTS_TO_REOPEN === 0) node = await disk.reopen(number + 1)
    })
    await disk.reopen()
  },
)

scenario(
  'while a node opens what a killed process left',
  ['write', 'fdatasync', 'fsync', 'rename', 'openat'],
  async (disk, seed) => {
    await disk.ledger.add(await disk.room.start('a', LAUNCH), 'shared')
    await each(shuffled(seed, OPENING), async (faults, number) => {
      const node = await disk.killed(number)
      await disk.openThrough(node, faults)
      await Promise.all([disk.ledger.addTelling(node, 'told'), disk.ledger.add(node, 'shared')])
    })
    await disk.reopen()
  },
)

scenario('while LevelDB reads its write-ahead logs', ['openat', 'read'], async (disk, seed) => {
  await disk.ledger.add(await disk.room.start('a', LAUNCH), 'shared')
  await each(shuffled(seed, RECOVERING), async (faults, number) => {
    const node = await disk.killed(number)
    await disk.openThrough(node, faults, /\.log$/)
    await disk.ledger.addTelling(node, 'told')
  })
  assert.ok(disk.times('opened all the same') > 0, 'LevelDB, too, failed to read a log')
  await disk.reopen()
})

scenario('while a node opens for the first time', ['fdatasync', 'fsync', 'rename'], async (disk, seed) => {
  await each(shuffled(seed, CREATING), async (faults, number) => {
    disk.ledger = new Ledger()
    const fresh = await disk.room.plan('a', { dataDir: join(disk.room.dir, `fresh-${number}`) })
    let node = number === 0 ? await disk.room.launch('a', LAUNCH) : disk.room.node('a')
    await node.closeFor(fresh)
    await disk.openThrough(node, faults, 'anywhere')
    await disk.ledger.addTelling(node, 'told')
    node = await disk.reopen(number + 1)
  })
})

syscalls.run()
