import type { Operation, Outcome } from '../observer.js'
import { Breach } from './breach.js'
import type { Mark } from './position.js'

/** An operation, and what became of it. */
export interface Tracked {
  readonly operation: Operation
  /** How the call ended; undefined while it did not. */
  code: string | undefined
  /** Where its commit may end: at or below one of these. */
  marks: readonly Mark[]
  /** How many ids its process had acknowledged under when it began. */
  idsBefore: number
  /** How many stores held it when it was acknowledged, at least. */
  holders: number
  /** How many disks had lost something when it began. */
  readonly lossesBefore: number
  /** And when it was acknowledged. */
  lossesThen: number
  /** Whoever holds its log up to its clock may hold another history of it. */
  unsure: boolean
  /** What took it from the last disk that held it, for an acknowledged one that may be missing. */
  excuse: 'loss' | 'flip' | undefined
}

/** Increments or decrements of one key. */
export interface Side {
  readonly counts: Count[]
  /** Of all operations but those that were refused. */
  counted: bigint
}

export interface Count {
  readonly tracked: Tracked
  /** Above 0. */
  readonly amount: number
}

/** What was asked for, by key. */
export class Ledger {
  readonly #operations = new Map<number, Tracked>()
  readonly #increments = new Map<string, Side>()
  readonly #decrements = new Map<string, Side>()
  /** Operations of several counts, which stand or fall together. */
  readonly groups: Tracked[] = []

  get size(): number {
    return this.#operations.size
  }

  attempted(operation: Operation, lossesBefore: number): Tracked {
    if (this.#operations.has(operation.id)) throw new Breach(0, 'observation', `operation ${operation.id} began twice`)
    const tracked: Tracked = {
      ...{
        operation,
        code: undefined,
        marks: [],
        idsBefore: 0,
        holders: 1,
        lossesBefore,
        lossesThen: lossesBefore,
        unsure: false,
        excuse: undefined,
      },
    }
    this.#operations.set(operation.id, tracked)
    if (operation.entries.length > 1) this.groups.push(tracked)
    for (const { key, amount } of operation.entries) {
      const side = this.#openSide(key, amount)
      side.counts.push({ tracked, amount: Math.abs(amount) })
      side.counted += BigInt(Math.abs(amount))
    }
    return tracked
  }

  ended({ operation, code }: Pick<Outcome, 'operation' | 'code'>): Tracked {
    const tracked = this.#operations.get(operation.id)
    if (!tracked) throw new Breach(0, 'observation', `operation ${operation.id} ended and never began`)
    if (tracked.code !== undefined) throw new Breach(0, 'observation', `${showOperation(tracked)} ended again: ${code}`)
    tracked.code = code
    if (!isRefused(tracked)) return tracked
    for (const { key, amount } of operation.entries) this.#openSide(key, amount).counted -= BigInt(Math.abs(amount))
    return tracked
  }

  operations(): IterableIterator<Tracked> {
    return this.#operations.values()
  }

  keys(): Set<string> {
    return new Set([...this.#increments.keys(), ...this.#decrements.keys()])
  }

  increments(key: string): Side | undefined {
    return this.#increments.get(key)
  }

  decrements(key: string): Side | undefined {
    return this.#decrements.get(key)
  }

  /** The side of a key that an amount counts on. */
  side(key: string, amount: number): Side | undefined {
    return amount > 0 ? this.#increments.get(key) : this.#decrements.get(key)
  }

  #openSide(key: string, amount: number): Side {
    const sides = amount > 0 ? this.#increments : this.#decrements
    let side = sides.get(key)
    if (!side) sides.set(key, (side = { counts: [], counted: 0n }))
    return side
  }
}

/** It is counted, and its caller knows. */
export function isAcknowledged({ code }: Tracked): boolean {
  return code === 'ok' || code === 'NOT_REPLICATED'
}

/** It is not counted, and its caller knows. */
export function isRefused({ code }: Tracked): boolean {
  return code !== undefined && code !== 'ok' && code !== 'NOT_REPLICATED' && code !== 'INDETERMINATE'
}

export function showOperation({ operation, code, excuse }: Tracked): string {
  const { id, node, life, entries, replicas } = operation
  const counts = entries.slice(0, 4).map(({ key, amount }) => `${JSON.stringify(key)} ${amount}`)
  if (entries.length > 4) counts.push(`… ${entries.length} counts`)
  const concern = replicas === 1 ? '' : ` replicas ${replicas}`
  const end = excuse ? `${code}, then lost with a disk` : (code ?? 'never ended')
  return `operation ${id} (${counts.join(', ')}${concern} on ${node}, life ${life}: ${end})`
}
