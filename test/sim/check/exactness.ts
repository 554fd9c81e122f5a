import type { OperationCall, Reading } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import type { SettledNode } from './settled.js'

/** Keys of operations begin so: nothing else counts on them. */
export const OPERATION_PREFIX = 'op-'

/** How calls with an id may end besides `ok`. */
const REFUSALS = new Set([
  'NOT_READY',
  'NODE_CLOSED',
  'OPERATIONS_UNAVAILABLE',
  'OPERATIONS_FULL',
  'OPERATION_EXPIRED',
  'INVALID_OPERATION',
])

interface TrackedOperation {
  readonly id: number
  readonly key: string
  /** A power of four that no other operation on its key has. */
  readonly amount: bigint
  /** Calls that are not refused: under way, acknowledged, or in doubt. */
  mayCount: number
  acknowledged: boolean
  /** Who acknowledged it. */
  readonly by: Set<NodeName>
  /** How many disks had lost something when it was acknowledged first. */
  lossesBefore: number
}

interface Life {
  readonly life: number
  readonly acknowledged: Set<TrackedOperation>
  readonly seen: Map<string, bigint>
}

/** Follows operations: each adds a power of four, so a total tells for each whether it counted once, never, or twice. */
export class Exactness {
  readonly #operations = new Map<number, TrackedOperation>()
  readonly #keys = new Map<string, TrackedOperation[]>()
  readonly #lives = new Map<NodeName, Life>()
  /** Nodes that may have given up what they alone had taken. */
  readonly #forgetful = new Set<NodeName>()
  #losses = 0
  calls = 0
  acknowledged = 0
  /** Acknowledged operations that the end misses: a disk was lost. */
  missing = 0

  get size(): number {
    return this.#operations.size
  }

  attempted({ number, key, amount }: OperationCall): void {
    this.calls++
    let operation = this.#operations.get(number)
    if (!operation) {
      operation = {
        id: number,
        key,
        amount: BigInt(amount),
        mayCount: 0,
        acknowledged: false,
        by: new Set(),
        lossesBefore: this.#losses,
      }
      this.#operations.set(number, operation)
      const others = this.#keys.get(key)
      if (others) others.push(operation)
      else this.#keys.set(key, [operation])
    }
    operation.mayCount++
  }

  /** @throws Breach */
  ended({ number, node, life }: OperationCall, code: string): void {
    const operation = this.#operations.get(number) as TrackedOperation
    if (code === 'ok' || code === 'NOT_REPLICATED') {
      if (!operation.acknowledged) operation.lossesBefore = this.#losses
      operation.acknowledged = true
      operation.by.add(node)
      this.acknowledged++
      this.#life(node, life).acknowledged.add(operation)
    } else if (REFUSALS.has(code)) operation.mayCount--
    else if (code !== 'INDETERMINATE')
      throw new Breach(12, `operation-${code}`, `operation ${number} on ${node} ended so`)
  }

  /** @throws Breach */
  read({ node, life, key, increments }: Reading): void {
    const known = this.#life(node, life)
    this.#check(node, key, increments)
    for (const operation of known.acknowledged) {
      if (operation.key !== key || counts(operation, increments) === 1n) continue
      throw new Breach(
        12,
        'operation-below',
        `${node}, life ${life}, acknowledged operation ${operation.id} and shows ${key} at ${increments}`,
      )
    }
    const seen = known.seen.get(key) ?? 0n
    if (increments < seen) {
      throw new Breach(12, 'operation-fell', `${node}, life ${life}, shows ${key} at ${increments}, and ${seen} before`)
    }
    known.seen.set(key, increments)
  }

  /** What was shown and not acknowledged may be gone. */
  recovering(node: NodeName): void {
    this.#lives.get(node)?.seen.clear()
  }

  /** A disk lost something, or a flipped bit was found: what was written behind it may be unreadable, too. */
  lost(node: NodeName): void {
    this.#losses++
    this.#lives.delete(node)
  }

  /** A process that was set back carries on what it alone took, unless that is older than a floor by the time at which it hears of the room:
   *  where few operations are remembered, that may be soon. */
  forgets(node: NodeName): void {
    this.#forgetful.add(node)
  }

  /** @throws Breach */
  finish(nodes: readonly SettledNode[]): void {
    const [first, ...others] = nodes
    if (!first) return
    this.missing = 0
    for (const [key, operations] of this.#keys) {
      const { increments } = first.read(key)
      for (const other of others) {
        const total = other.read(key).increments
        if (total === increments) continue
        throw new Breach(
          12,
          'operation-disagree',
          `${key} is ${increments} on ${first.node}, and ${total} on ${other.node}`,
        )
      }
      this.#check(first.node, key, increments)
      for (const operation of operations) {
        if (!operation.acknowledged || counts(operation, increments) === 1n) continue
        this.missing++
        if (this.#losses > operation.lossesBefore) continue
        if ([...operation.by].every(node => this.#forgetful.has(node))) continue
        throw new Breach(
          12,
          'operation-lost',
          `operation ${operation.id} was acknowledged and is not in ${key}, ${increments}`,
        )
      }
    }
  }

  #check(node: NodeName, key: string, total: bigint): void {
    let sum = 0n
    for (const operation of this.#keys.get(key) ?? []) {
      const times = counts(operation, total)
      sum += times * operation.amount
      if (times === 0n || (times === 1n && operation.mayCount > 0)) continue
      const what = times === 1n ? 'was refused and counts' : `counts ${times} times`
      throw new Breach(
        12,
        times === 1n ? 'operation-refused' : 'operation-doubled',
        `operation ${operation.id} ${what} in ${key} on ${node}, ${total}`,
      )
    }
    if (sum !== total)
      throw new Breach(12, 'operation-unknown', `${key} on ${node} shows ${total}, of which operations make ${sum}`)
  }

  #life(node: NodeName, life: number): Life {
    const known = this.#lives.get(node)
    if (known?.life === life) return known
    const fresh = { life, acknowledged: new Set<TrackedOperation>(), seen: new Map<string, bigint>() }
    this.#lives.set(node, fresh)
    return fresh
  }
}

/** How often an operation stands in a total. */
function counts({ amount }: TrackedOperation, total: bigint): bigint {
  return (total / amount) % 4n
}
