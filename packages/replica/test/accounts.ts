import type { CommitMark, CounterKey, ReplicaId } from '@tallymesh/crdt'
import type { VirtualDisk } from './virtual-disk.js'
import type { NodeWatcher, VirtualNode } from './virtual-node.js'

interface Totals {
  p: number
  n: number
}

/** What was counted into one commit. */
interface Group {
  readonly counts: ReadonlyMap<CounterKey, Totals>
  readonly mark: CommitMark
  landed: boolean
  acknowledged: boolean
  /** Who asked for two stores; when they were confirmed, and how many disks were lost since. */
  readonly tickets: readonly number[]
  confirmed: boolean
  lostDisks: number
  /** It may be lost without blame: unacknowledged, or all disks that held it are gone. */
  optional: boolean
}

/** What one process counted and showed. */
interface Life {
  readonly life: number
  /** Counted, and in no commit yet. */
  pending: Map<CounterKey, Totals>
  tickets: number[]
  readonly groups: Group[]
  readonly counted: Map<CounterKey, Totals>
  readonly seen: Map<CounterKey, Totals>
}

/** Keeps the books of a room: what was attempted, acknowledged, left open by a crash or lost with a disk; and checks what
 *  nodes show against it, after every step. */
export class Accounts implements NodeWatcher {
  readonly #attempted = new Map<CounterKey, Totals>()
  readonly #lives = new Map<VirtualNode, Life>()
  readonly #groups: Group[] = []
  #ticket = 0
  /** Ids whose logs may have two histories: a commit that was never acknowledged was taken away, and another one made in its
   *  place. Should both be met, the larger counts: nothing acknowledged is missing, but the total is no sum of commits. */
  readonly branched = new Set<ReplicaId>()

  constructor(
    readonly keys: readonly CounterKey[],
    /** Processes are set back to an earlier memory: what the other history of an id swallows may be missing. */
    readonly forks: boolean,
  ) {}

  count(node: VirtualNode, key: CounterKey, amount: number): void {
    const life = this.#life(node)
    for (const totals of [this.#attempted, life.pending, life.counted]) add(totals, key, amount)
    node.count(key, amount)
    this.stepped(node)
  }

  /** Asks that two stores hold what was counted last. */
  follow(node: VirtualNode): void {
    const ticket = ++this.#ticket
    this.#life(node).tickets.push(ticket)
    node.step({ type: 'await', ticket, replicas: 2, timeoutMs: 3000 })
  }

  persisting(node: VirtualNode, mark: CommitMark | undefined): void {
    if (!mark) return
    const life = this.#life(node)
    const { pending: counts, tickets } = life
    const open = { landed: false, acknowledged: false, optional: false, confirmed: false, lostDisks: 0 }
    const group = { counts, tickets, mark, ...open }
    life.pending = new Map()
    life.tickets = []
    life.groups.push(group)
  }

  landed(node: VirtualNode, mark: CommitMark | undefined): void {
    for (const group of this.#life(node).groups) if (group.mark === mark) group.landed = true
  }

  acknowledged(node: VirtualNode): void {
    for (const group of this.#life(node).groups) group.acknowledged ||= group.landed
  }

  confirmed(node: VirtualNode, ticket: number): void {
    for (const group of this.#life(node).groups) group.confirmed ||= group.tickets.includes(ticket)
  }

  /** What never reached the disk is gone; what did, unacknowledged, may count or not. */
  stopped(node: VirtualNode): void {
    const { groups } = this.#life(node)
    for (const group of groups) group.optional = !group.acknowledged
    this.#groups.push(...groups.filter(({ landed, counts }) => landed && counts.size > 0))
    this.#lives.delete(node)
  }

  /** A disk was rolled back or lost: what only it held may be missing from now on. */
  lost(disks: readonly VirtualDisk[]): void {
    const lives = [...this.#lives.values()].flatMap(({ groups }) => groups)
    for (const group of [...this.#groups, ...lives]) {
      if (group.optional || !group.landed) continue
      if (group.confirmed) group.lostDisks++
      if (disks.some(disk => this.#holds(disk, group.mark))) continue
      group.optional = true
      if (!group.confirmed || group.lostDisks > 1 || this.forks || this.branched.has(group.mark.replica)) continue
      const { replica, clock } = group.mark
      throw new Error(`commit ${clock} of log ${replica} was confirmed by two stores and is lost with one`)
    }
  }

  stepped(node: VirtualNode): void {
    if (!node.up) return
    const life = this.#life(node)
    for (const key of this.keys) {
      const now = totalsOf(node, key)
      const seen = life.seen.get(key) ?? { p: 0, n: 0 }
      const own = life.counted.get(key) ?? { p: 0, n: 0 }
      const attempted = this.#attempted.get(key) ?? { p: 0, n: 0 }
      const where = `${key} on ${node.name}`
      if (now.p < seen.p || now.n < seen.n) throw new Error(`${where} fell from ${show(seen)} to ${show(now)}`)
      if (now.p < own.p || now.n < own.n) throw new Error(`${where} shows ${show(now)}, counted here: ${show(own)}`)
      if (now.p > attempted.p || now.n > attempted.n) {
        throw new Error(`${where} shows ${show(now)}, attempted: ${show(attempted)}`)
      }
      life.seen.set(key, now)
    }
  }

  /** Every total is what was acknowledged and some of what may be missing. Where ids fork, only doubling is looked for. */
  check(node: VirtualNode): void {
    const groups = [...this.#groups, ...[...this.#lives.values()].flatMap(({ groups }) => groups)]
    for (const key of this.keys) {
      const now = totalsOf(node, key)
      for (const side of ['p', 'n'] as const) {
        const amount = (group: Group) => group.counts.get(key)?.[side] ?? 0
        const due = sum(groups.filter(({ optional }) => !optional).map(amount))
        const open = groups
          .filter(({ optional }) => optional)
          .map(amount)
          .filter(value => value > 0)
        if (this.#isRight(now[side], due, open)) continue
        throw new Error(`${key} totals ${now[side]} ${side} on ${node.name}; due are ${due}, open [${open.join(', ')}]`)
      }
    }
  }

  #isRight(total: number, due: number, open: readonly number[]): boolean {
    if (this.forks) return total <= due + sum(open)
    if (this.branched.size > 0) return total >= due && total <= due + sum(open)
    return isSubsetSum(total - due, open)
  }

  #holds(disk: VirtualDisk, { replica, clock, tip }: CommitMark): boolean {
    if (disk.clock(replica) < clock || disk.wholeClock(replica) < clock) return false
    return !this.branched.has(replica) || disk.tips(replica).includes(tip)
  }

  #life(node: VirtualNode): Life {
    const known = this.#lives.get(node)
    if (known?.life === node.life) return known
    const life = { life: node.life, pending: new Map(), tickets: [], groups: [], counted: new Map(), seen: new Map() }
    this.#lives.set(node, life)
    return life
  }
}

function totalsOf(node: VirtualNode, key: CounterKey): Totals {
  const cell = node.cell(key)
  const { increments, decrements } = node.live.table.totals(cell.id)
  return { p: Number(increments) + cell.p - cell.batchedP, n: Number(decrements) + cell.n - cell.batchedN }
}

function add(totals: Map<CounterKey, Totals>, key: CounterKey, amount: number): void {
  const known = totals.get(key)
  const { p, n } = known ?? { p: 0, n: 0 }
  totals.set(key, { p: p + Math.max(0, amount), n: n + Math.max(0, -amount) })
}

function isSubsetSum(wanted: number, amounts: readonly number[]): boolean {
  if (wanted < 0) return false
  let sums = 1n
  for (const amount of amounts) sums |= sums << BigInt(amount)
  return ((sums >> BigInt(wanted)) & 1n) === 1n
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

function show({ p, n }: Totals): string {
  return `+${p} -${n}`
}
