import { freshReplicaId, type ReplicaId, type StoreId, storeId, TallymeshError } from '@tallymesh/crdt'
import { type Effect, encodeMessage, type Message, Replica } from '@tallymesh/replica'
import * as assert from 'uvu/assert'
import type { Operation } from '../observer.js'
import type { Command, NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import { Checks, type SettledNode } from './checks.js'
import type { HeldDisk } from './trust.js'

/** A disk that holds what a test says. */
export class StagedDisk implements HeldDisk {
  readonly clocks = new Map<number, number>()
  /** Up to where logs are whole, where that is less. */
  readonly whole = new Map<number, number>()
  /** By log, the ids that it says are folded whole. */
  readonly folds = new Map<ReplicaId, { readonly ids: readonly number[]; readonly flipped: boolean }>()

  constructor(readonly storeId: StoreId) {}

  clock(log: number): number {
    return this.clocks.get(log) ?? 0
  }

  wholeClock(log: number): number {
    return this.whole.get(log) ?? this.clock(log)
  }

  foldersOf(log: number): readonly ReplicaId[] {
    return [...this.folds].filter(([, { ids }]) => ids.includes(log)).map(([folder]) => folder)
  }

  wholeFoldersOf(log: number): readonly ReplicaId[] {
    return this.foldersOf(log).filter(folder => this.folds.get(folder)?.flipped === false)
  }

  foldedInDamaged(): readonly ReplicaId[] {
    return [...this.folds.values()].flatMap(({ ids, flipped }) => (flipped ? (ids as ReplicaId[]) : []))
  }
}

/** Which faults a plan holds, as a test says it: none of its events is ever carried out. */
const SAMPLES = {
  add: { verb: 'add', node: 'a', key: 'k', amount: 1 },
  'clone here': { verb: 'clone', node: 'a', as: 'd', here: true },
  clone: { verb: 'clone', node: 'a', as: 'd', here: false },
  damage: { verb: 'damage', from: 'a', to: 'b', percent: 5 },
  disk: { verb: 'disk', node: 'a', mode: 'fail' },
  flip: { verb: 'flip', node: 'a', record: 1 },
  lose: { verb: 'lose', from: 'a', to: 'b', percent: 5 },
  reorder: { verb: 'reorder', from: 'a', to: 'b', percent: 5 },
  remove: { verb: 'remove', node: 'a', by: 'b' },
  repeat: { verb: 'repeat', from: 'a', to: 'b', percent: 5 },
  restore: { verb: 'restore', node: 'a', steps: 1 },
  rollback: { verb: 'rollback', node: 'a', steps: 1 },
  stop: { verb: 'stop', node: 'a' },
  wipe: { verb: 'wipe', node: 'a' },
} satisfies Readonly<Record<string, Command>>

export type Sample = keyof typeof SAMPLES

type Entries = ReadonlyArray<readonly [key: string, amount: number]>

/** A room that tells the checks what a test says: three nodes, up, in their first life. */
export class StagedRoom {
  readonly checks: Checks
  readonly disks = new Map<NodeName, StagedDisk>()
  readonly #lives = new Map<NodeName, number>()
  #operations = 0

  constructor(faults: readonly Sample[] = ['add'], releases: Readonly<Record<NodeName, 1 | 2>> = {}, deep = false) {
    const nodes = ['a', 'b', 'c']
    const room = {
      ...{ nodes, heartbeatMs: 500, antiEntropyMs: 2000, delayMs: [1, 2] as const, syncMs: [1, 2] as const },
      ...{ keys: ['k', 'l'], distinct: true, releases },
    }
    this.checks = new Checks({ room, events: faults.map(fault => ({ command: SAMPLES[fault] })) }, { deep })
    for (const node of nodes) {
      this.disks.set(node, stagedDisk(node))
      this.start(node)
    }
  }

  disk(node: NodeName): StagedDisk {
    return this.disks.get(node) as StagedDisk
  }

  life(node: NodeName): number {
    return this.#lives.get(node) ?? 0
  }

  /** The next process of a node. With `codes`, it reports these before. */
  start(node: NodeName, ...codes: readonly string[]): void {
    const life = this.life(node) + 1
    this.#lives.set(node, life)
    for (const code of codes) this.report(node, code)
    this.checks.started(node, life)
  }

  kill(node: NodeName): void {
    this.checks.stopped(node, this.life(node))
  }

  attempt(node: NodeName, entries: Entries, replicas: Operation['replicas'] = 1, began = 0): Operation {
    const operation: Operation = {
      ...{ id: ++this.#operations, node, life: this.life(node), replicas },
      entries: entries.map(([key, amount]) => ({ key, amount })),
      ...(began > 0 && { began: { log: 1 as ReplicaId, clock: began } }),
    }
    this.checks.attempted(operation)
    return operation
  }

  /** The call ends; what is counted stands in log `log` up to `clock`, on the node's own disk at least. */
  end(operation: Operation, code = 'ok', log = 1, clock = 1): void {
    const disk = this.disk(operation.node)
    if (code === 'ok' || code === 'NOT_REPLICATED') disk.clocks.set(log, Math.max(disk.clock(log), clock))
    const disks = operation.replicas === 1 ? {} : { disks: this.disks }
    this.checks.ended({ operation, code, position: clock === 0 ? '' : `${log.toString(16)}:${clock}`, ...disks })
  }

  /** An acknowledged operation. */
  add(node: NodeName, entries: Entries, log = 1, clock = 1, replicas: Operation['replicas'] = 1): Operation {
    const operation = this.attempt(node, entries, replicas)
    this.end(operation, 'ok', log, clock)
    return operation
  }

  read(node: NodeName, key: string, increments: number, decrements = 0): void {
    const totals = { increments: BigInt(increments), decrements: BigInt(decrements) }
    this.checks.read({ node, life: this.life(node), key, ...totals })
  }

  /** A disk is put back to where it holds these logs. */
  rollback(
    node: NodeName,
    clocks: Readonly<Record<number, number>> = {},
    why: 'rollback' | 'restore' = 'rollback',
    boots = 0,
  ): void {
    const disk = this.disk(node)
    disk.clocks.clear()
    for (const [log, clock] of Object.entries(clocks)) disk.clocks.set(Number(log), clock)
    if (why === 'restore') this.checks.restored(node, boots)
    this.checks.lost(why, node, this.disks)
  }

  wipe(node: NodeName): void {
    this.disks.set(node, stagedDisk(`${node} again`))
    this.checks.lost('wipe', node, this.disks)
  }

  report(node: NodeName, code: string, message = 'as a test says'): void {
    const error = new TallymeshError(code as TallymeshError['code'], message)
    this.checks.reported(node, this.life(node), error, this.disks)
  }

  fork(node: NodeName, log: number): void {
    this.report(node, 'LOG_FORKED', `two histories exist under replica id ${log.toString(16)}: a test says so`)
  }

  send(node: NodeName, message: Message): void {
    const disk = this.disk(node)
    this.checks.sent({ node, life: this.life(node), store: disk.storeId, disk, ...encodeMessage(message) })
  }

  /** The end: every node shows these totals, as increments or as [increments, decrements]. */
  finish(totals: Readonly<Record<string, number | readonly [number, number]>>, ...replicas: readonly Replica[]): void {
    const nodes = [...this.disks.keys()].map((node, i): SettledNode => {
      const disk = replicas[i]
        ? Object.assign(stagedDisk(node), { clock: () => 1e9, wholeClock: () => 1e9 })
        : this.disk(node)
      return { node, disk, replica: replicas[i] ?? stagedReplica(), keys: Object.keys(totals), read: showing(totals) }
    })
    this.checks.finish(nodes)
  }
}

export function showing(totals: Readonly<Record<string, number | readonly [number, number]>>): SettledNode['read'] {
  const all = new Map(Object.entries(totals))
  return key => {
    const shown = all.get(key) ?? 0
    const [increments, decrements] = typeof shown === 'number' ? [shown, 0] : shown
    return { increments: BigInt(increments), decrements: BigInt(decrements) }
  }
}

let stores = 0

export function stagedDisk(_name: string): StagedDisk {
  return new StagedDisk(storeId((++stores).toString(16).padStart(32, '0')))
}

/** A replica on no disk. The same `seed` takes the same id. */
export function stagedReplica(seed = 0.25): Replica {
  const replica = new Replica({
    ...{ name: 'a', store: storeId('f'.repeat(32)), instance: '0'.repeat(32), urls: [], seeds: [], lastNumber: 0 },
    ...{ random: () => seed, heartbeatMs: 500, antiEntropyMs: 2000 },
  })
  replica.start(undefined)
  return replica
}

/** Counts and commits; answers what went to the disk. */
export function commit(replica: Replica, amount = 1): Extract<Effect, { type: 'persist' }> {
  replica.commits.increment(replica.cell('k' as Parameters<Replica['cell']>[0]), amount)
  const [persist] = replica.step({ type: 'flush' })
  if (persist?.type !== 'persist') throw new Error('nothing was written')
  replica.step({ type: 'persisted' })
  return persist
}

export function idOf(seed: number): ReplicaId {
  return freshReplicaId(() => seed)
}

/** Runs what must be found, as this kind of breach. */
export function breaks(kind: string, act: () => void, sentence?: RegExp): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof Breach)) throw error
    assert.is(error.kind, kind, error.message)
    if (sentence) assert.match(error.message, sentence)
    return
  }
  assert.unreachable(`${kind} was not found`)
}
