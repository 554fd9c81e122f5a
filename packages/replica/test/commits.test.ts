import {
  type CounterKey,
  counterKey,
  decodeBatch,
  decodeLogUpdate,
  type Entry,
  type LogWrite,
  type ReplicaId,
  type StoredLog,
  storeId,
  Table,
  TallymeshError,
} from '@tallymesh/crdt'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Cell, type Effect, GROUP_CELLS_MAX, type GroupCount, Replica } from '../src/index.js'
import { Prng } from './prng.js'
import { RoomHarness } from './room-harness.js'

const test = suite('commits')
const BIG = Number.MAX_SAFE_INTEGER
type Persist = Extract<Effect, { type: 'persist' }>

/** A replica with a disk that the test drives by hand. */
class Bench {
  readonly prng: Prng
  replica: Replica
  readonly updates = new Map<ReplicaId, Uint8Array[]>()
  /** What the disk holds. */
  readonly durable = new Table()
  readonly acknowledged: number[] = []
  readonly batchSizes: number[] = []
  inFlight: Persist | undefined
  number = 0

  constructor(seed = 1) {
    this.prng = new Prng(seed)
    this.replica = this.make()
    this.replica.start(undefined)
  }

  make(): Replica {
    return new Replica({
      ...{ name: 'a', store: storeId('a'.repeat(32)), instance: 'a', urls: [], seeds: [] },
      ...{ random: this.prng.next, lastNumber: this.number, heartbeatMs: 1000, antiEntropyMs: 1000 },
    })
  }

  get commits() {
    return this.replica.commits
  }

  cell(name: string): Cell {
    return this.replica.cell(counterKey(name))
  }

  group(counts: Readonly<Record<string, number>>): GroupCount[] {
    return Object.entries(counts).map(([name, add]) => ({
      cell: this.cell(name),
      p: Math.max(add, 0),
      n: Math.max(-add, 0),
    }))
  }

  flush(): void {
    for (const effect of this.replica.step({ type: 'flush' })) if (effect.type === 'persist') this.inFlight = effect
  }

  persisted(): void {
    if (!this.inFlight) return
    const { logs, commit } = this.inFlight
    this.inFlight = undefined
    for (const write of logs) this.#store(write)
    this.number = commit?.number ?? this.number
    for (const effect of this.replica.step({ type: 'persisted' })) {
      if (effect.type === 'acknowledge') this.acknowledged.push(effect.commit)
    }
  }

  /** The disk refused the write: everything is rebuilt from what it holds. @param landed the write is there all the same */
  fail(landed = false): void {
    if (landed && this.inFlight) for (const write of this.inFlight.logs) this.#store(write)
    this.number += landed ? 1 : 0
    this.inFlight = undefined
    const old = this.commits
    const { inFlight } = old
    this.replica = this.make()
    for (const [log, updates] of this.updates) {
      const stored: StoredLog = { log, updates }
      assert.is(this.replica.load(stored), undefined)
    }
    this.commits.adoptCells(old.cells(), old.closeTouched(), inFlight)
    this.replica.start(undefined)
  }

  /** Writes until nothing waits. */
  settle(): void {
    while (this.inFlight || this.replica.wantsFlush) {
      this.persisted()
      this.flush()
    }
  }

  value(name: string): number {
    const cell = this.cell(name)
    return this.replica.table.value(cell.id) + cell.p - cell.batchedP - (cell.n - cell.batchedN)
  }

  stored(name: string): number {
    return this.durable.value(this.durable.idOf(counterKey(name)))
  }

  #store({ log, append, head }: LogWrite): void {
    const updates = this.updates.get(log) ?? []
    this.updates.set(log, updates)
    if (append) {
      updates.push(append.update)
      const entries: Entry[] = []
      for (const element of decodeLogUpdate(log, append.update).elements) {
        entries.push(...decodeBatch(element, this.durable).entries.map(({ entry }) => entry))
      }
      this.batchSizes.push(entries.length)
      for (const entry of entries) this.durable.mergeEntry(log, entry)
    }
    assert.ok(append || head)
  }
}

test('a group is counted at once, and all of it is in the next commit', () => {
  const bench = new Bench()
  const group = bench.group({ a: 3, b: -2, c: 7 })
  assert.ok(bench.commits.admits(group))
  bench.commits.addGroup(group)
  assert.is(bench.commits.pendingCells, 3)
  assert.equal([bench.value('a'), bench.value('b'), bench.value('c')], [3, -2, 7])
  assert.is(bench.stored('a'), 0)
  bench.flush()
  bench.persisted()
  assert.equal([bench.stored('a'), bench.stored('b'), bench.stored('c')], [3, -2, 7])
  assert.equal(bench.acknowledged, [1])
  assert.is(bench.commits.pendingCells, 0)
})

test('a group that would overflow one slot counts nothing', () => {
  const bench = new Bench()
  bench.commits.increment(bench.cell('full'), BIG)
  bench.commits.decrement(bench.cell('low'), BIG - 1)
  for (const counts of [
    { a: 1, full: 1 },
    { a: 1, low: -2 },
  ]) {
    const error = attempt(() => bench.commits.addGroup(bench.group(counts)))
    assert.is(error?.code, 'COUNTER_OVERFLOW')
    assert.is(bench.value('a'), 0)
  }
  bench.commits.addGroup(bench.group({ a: 1, low: -1, full: -5 }))
  assert.is(bench.value('a'), 1)
})

test('groups come before what was dirty already, and wait while a commit is drained in parts', () => {
  const bench = new Bench()
  for (let i = 0; i < 10_000; i++) bench.commits.increment(bench.cell(`k${i}`), 1)
  const group = bench.group({ k9999: 5, k1: 6, fresh: 7 })
  assert.ok(bench.commits.admits(group), 'nothing is drained yet')
  bench.commits.addGroup(group)
  bench.flush()
  bench.persisted()
  assert.equal([bench.stored('k9999'), bench.stored('k1'), bench.stored('fresh')], [6, 7, 7])
  assert.equal(bench.acknowledged, [0])
  const later = bench.group({ k9998: 5, k2: 5 })
  for (let part = 2; part <= 5; part++) {
    assert.not.ok(bench.commits.admits(later), `before part ${part}`)
    bench.flush()
    bench.persisted()
  }
  assert.equal(bench.acknowledged, [0, 0, 0, 0, 2], 'the last part closes the open commit, too: nothing is in it')
  assert.ok(bench.commits.admits(later))
  assert.not.ok(bench.replica.wantsFlush, 'no empty commit follows')
  assert.is(bench.stored('k9999'), 6)
})

test('the groups of one commit have a bound, over their distinct cells', () => {
  const bench = new Bench()
  const many = (from: number, count: number) =>
    bench.group(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, 1])))
  bench.commits.addGroup(many(0, 1_500))
  assert.ok(bench.commits.admits(many(0, 1_500)))
  assert.ok(bench.commits.admits(many(1_000, 1_000)))
  assert.not.ok(bench.commits.admits(many(1_000, 1_001)))
  bench.flush()
  assert.ok(bench.commits.admits(many(1_000, GROUP_CELLS_MAX)), 'once that commit was formed')
})

test('groups come before entries that are not counts, which then come before other counts', () => {
  const bench = new Bench()
  for (let i = 0; i < 3_000; i++) {
    const key = counterKey(`old${i}`)
    bench.commits.carry({ kind: 'adopted', replica: 77 as ReplicaId, key, p: 1, n: 0 })
  }
  bench.commits.increment(bench.cell('plain'), 1)
  bench.commits.addGroup(bench.group({ a: 1, b: 1 }))
  bench.flush()
  bench.persisted()
  assert.equal([bench.stored('a'), bench.stored('b'), bench.stored('plain')], [1, 1, 0])
  assert.equal(bench.acknowledged, [0], 'the entries are a part of that commit, too')
  assert.not.ok(bench.commits.admits(bench.group({ a: 1 })))
  bench.settle()
  assert.is(bench.stored('plain'), 1)
  assert.is(bench.stored('old2999'), 1)
  assert.is(bench.replica.table.value(bench.cell('old2999').id), 1, 'what is carried counts here, too')
  assert.equal(bench.acknowledged, [0, 2])
})

test('what is counted and carried while a commit is written in parts rides along, and is acknowledged with them', () => {
  const bench = new Bench()
  const { commits } = bench
  for (let i = 0; i < 3_000; i++) commits.increment(bench.cell(`many${i}`), 1)
  bench.flush()
  commits.increment(bench.cell('many2999'), 5)
  commits.carry({ kind: 'adopted', replica: 99 as ReplicaId, key: counterKey('carried'), p: 1, n: 0 })
  const { open } = commits
  bench.settle()
  assert.equal([bench.stored('many2999'), bench.stored('carried')], [6, 1])
  assert.is(bench.acknowledged.at(-1), open, 'nothing else was pending that would have closed the commit')
  assert.is(commits.open, open + 1)
})

test('what rode along with a part that the disk refused is not taken for counted later', () => {
  const bench = new Bench()
  for (let i = 0; i < 3_000; i++) bench.commits.increment(bench.cell(`many${i}`), 1)
  bench.flush()
  bench.commits.increment(bench.cell('many2999'), 5)
  bench.commits.increment(bench.cell('other'), 1)
  const { open } = bench.commits
  bench.persisted()
  bench.flush()
  bench.fail()
  assert.is(bench.value('many2999'), 6, 'it is counted later: no value falls')
  assert.is(bench.commits.open, open + 1, 'the commit stands or falls with that part')
  bench.settle()
  assert.equal([bench.stored('other'), bench.stored('many2999')], [1, 6])
})

/** What happens to the commits of one replica. Groups add the same to `left` and `right` keys, nothing else does. */
type Step =
  | { type: 'group'; pairs: number[]; add: number }
  | { type: 'plain'; key: number; add: number }
  | { type: 'many'; from: number }
  | { type: 'carry'; count: number }
  | { type: 'flush' | 'persisted' | 'refused' | 'landed' | 'fork' }

const add = fc.integer({ min: -20, max: 20 }).filter(n => n !== 0)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('group' as const), pairs: fc.array(fc.nat(6)), add }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('plain' as const), key: fc.nat(9), add }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('many' as const), from: fc.nat(4_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('carry' as const), count: fc.integer({ min: 1, max: 2_500 }) }),
  },
  { weight: 8, arbitrary: fc.constantFrom({ type: 'flush' as const }, { type: 'persisted' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ type: 'refused' as const }, { type: 'landed' as const }, { type: 'fork' as const }),
  },
)

test('whatever happens between them, the disk never holds half a group, and every commit that is said is held', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const bench = new Bench(seed)
      const model = new Model(bench)
      for (const step of steps) model.take(step)
      bench.settle()
      model.check()
      model.acknowledged()
      assert.is(model.unacknowledged, 0, 'nobody waits for a commit that never comes')
      assert.is(bench.commits.pendingCells, 0)
      assert.ok(
        bench.batchSizes.every(size => size > 0),
        'no commit is empty',
      )
      // A failed write loses counts and is never acknowledged; without one nothing is lost.
      if (steps.some(({ type }) => type === 'refused' || type === 'landed')) return
      for (const [key, value] of model.counted) assert.is(bench.stored(key), value, key)
      assert.is(bench.acknowledged.at(-1) ?? 0, bench.commits.open - 1)
    }),
    { numRuns: 300 },
  )
})

class Model {
  readonly counted = new Map<string, number>()
  /** What was counted into each commit that is not acknowledged: only increments, so that what is held can be compared. */
  #open: Array<{ commit: number; key: string; add: number }> = []
  readonly #promised = new Map<string, number>()

  constructor(readonly bench: Bench) {}

  take(step: Step): void {
    const { bench } = this
    const { commits } = bench
    switch (step.type) {
      case 'group': {
        const counts = Object.fromEntries(
          step.pairs.flatMap(pair => [
            [`left${pair}`, step.add],
            [`right${pair}`, step.add],
          ]),
        )
        const group = bench.group(counts)
        if (group.length === 0 || !commits.admits(group)) return
        commits.addGroup(group)
        for (const [key, add] of Object.entries(counts)) this.#note(key, add)
        break
      }
      case 'plain':
        this.#plain(`plain${step.key}`, step.add)
        break
      case 'many':
        for (let i = 0; i < 2_200; i++) this.#plain(`many${step.from + i}`, 1)
        break
      case 'carry':
        for (let i = 0; i < step.count; i++) {
          const entry = {
            kind: 'adopted',
            replica: 99 as ReplicaId,
            key: counterKey(`carried${i}`),
            p: 1,
            n: 0,
          } as const
          commits.carry(entry)
        }
        break
      case 'flush':
        bench.flush()
        break
      case 'persisted':
        bench.persisted()
        this.acknowledged()
        break
      case 'refused':
      case 'landed': {
        const before = this.#values()
        bench.fail(step.type === 'landed')
        assert.equal(this.#values(), before, 'no value falls, and none rises')
        this.#open = this.#open.filter(({ commit }) => commit === bench.commits.open)
        break
      }
      case 'fork':
        if (commits.replica !== undefined) bench.replica.diverged(commits.replica, 'so the test wants', [])
    }
    this.check()
  }

  check(): void {
    for (let pair = 0; pair <= 6; pair++) {
      assert.is(this.bench.stored(`left${pair}`), this.bench.stored(`right${pair}`), `stored pair ${pair}`)
      assert.is(this.bench.value(`left${pair}`), this.bench.value(`right${pair}`), `pair ${pair}`)
    }
  }

  #values(): number[] {
    return [...this.counted.keys()].map(key => this.bench.value(key))
  }

  #plain(key: string, add: number): void {
    const cell = this.bench.cell(key)
    if (add > 0) this.bench.commits.increment(cell, add)
    else this.bench.commits.decrement(cell, -add)
    this.#note(key, add)
  }

  #note(key: string, add: number): void {
    this.counted.set(key, (this.counted.get(key) ?? 0) + add)
    if (add > 0) this.#open.push({ commit: this.bench.commits.open, key, add })
  }

  get unacknowledged(): number {
    return this.#open.length
  }

  acknowledged(): void {
    const done = this.bench.acknowledged.at(-1) ?? 0
    for (const { commit, key, add } of this.#open) {
      if (commit <= done) this.#promised.set(key, (this.#promised.get(key) ?? 0) + add)
    }
    this.#open = this.#open.filter(({ commit }) => commit > done)
    const { durable } = this.bench
    for (const [key, add] of this.#promised) {
      const { increments } = durable.totals(durable.idOf(key as CounterKey))
      assert.ok(increments >= BigInt(add), `${key}: ${add} increments were acknowledged, ${increments} are stored`)
    }
  }
}

test('a crash between any two writes shows a group on every disk as a whole, and on the peers', () => {
  const room = new RoomHarness({ seed: 5 })
  const [a, b] = room.start('a', 'b') as [ReturnType<RoomHarness['node']>, ReturnType<RoomHarness['node']>]
  const keys = Array.from({ length: 300 }, (_, i) => counterKey(`k${i}`))
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < room.prng.int(3_000); i++) a.count(counterKey(`beside${i}`), 1)
    const { commits } = a.live
    const add = 1 + room.prng.int(9)
    const group = keys.map(key => ({ cell: commits.cell(key), p: add, n: 0 }))
    if (commits.admits(group)) commits.addGroup(group)
    a.flushSoon()
    room.run(room.prng.int(12))
    assert.is(new Set(keys.map(key => b.read(key))).size, 1, 'a peer sees all of a group, or nothing')
    if (round % 10 !== 9) continue
    a.crash()
    a.start()
    assert.is(new Set(keys.map(key => a.read(key))).size, 1)
    room.run(100)
  }
  // Each state that the disk ever was in, as a process would find it after a crash there.
  const last = a.disk.state
  for (const state of a.disk.history.filter((_, i) => i % 5 === 0)) {
    a.disk.state = state
    const replica = new Replica({
      ...{ name: 'c', store: a.store, instance: 'c', urls: [], seeds: [], random: room.prng.next },
      ...{ lastNumber: 0, heartbeatMs: 1000, antiEntropyMs: 1000 },
    })
    for (const stored of a.disk.load()) assert.is(replica.load(stored), undefined)
    assert.is(new Set(keys.map(key => replica.table.value(replica.table.idOf(key)))).size, 1)
  }
  a.disk.state = last
})

function attempt(run: () => void): TallymeshError | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof TallymeshError) return error
    throw error
  }
  return undefined
}

test.run()
