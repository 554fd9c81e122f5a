import { type ReplicaId, replicaId } from '@tallymesh/crdt'
import type { Store, StoreWrite } from '@tallymesh/store'

/** A history of commits that can be told again: commit `number` always writes the same. Its logs have several records,
 *  moving heads and, now and then, a dropped log. */
export function commitOf(number: number): StoreWrite {
  const log = replicaId(1000 + (number % 7))
  const clock = number * 3
  const append = { clock, update: updateOf(number) }
  const commit = { number, replica: log, clock: clock + 3, tip: number * 7, before: number * 5 }
  if (number % 11 === 10)
    return { logs: [{ log, append, head: { clock: Math.max(0, clock - 60), update: updateOf(-number) } }], commit }
  if (number % 53 === 52)
    return {
      logs: [
        { log: replicaId(1000 + ((number + 1) % 7)), drop: true },
        { log, append },
      ],
      commit,
    }
  return { logs: [{ log, append }], commit }
}

function updateOf(number: number): Uint8Array {
  const length = 20 + ((number * 37) & 0x7f)
  return Uint8Array.from({ length }, (_, index) => (index % 3 === 0 ? number * 31 + index : number) & 0xff)
}

/** What a store holds after commits 1 to `last`, by the rules of the contract, in the plainest way. */
export function contentAfter(last: number): Map<ReplicaId, string[]> {
  const logs = new Map<ReplicaId, { head: string[]; records: [number, string][] }>()
  for (let number = 1; number <= last; number++) {
    for (const { log, drop, append, head } of commitOf(number).logs) {
      if (drop) logs.delete(log)
      const entry = logs.get(log) ?? { head: [], records: [] }
      if (append) entry.records.push([append.clock, hex(append.update)])
      if (head) {
        entry.head = [hex(head.update)]
        entry.records = entry.records.filter((_, index, all) => !((all[index + 1]?.[0] ?? Infinity) <= head.clock))
      }
      if (entry.records.length + entry.head.length > 0) logs.set(log, entry)
    }
  }
  return new Map([...logs].map(([log, { head, records }]) => [log, [...head, ...records.map(([, update]) => update)]]))
}

/** What a store says it holds, and what it says is damaged. */
export async function contentOf(store: Store): Promise<{ logs: Map<ReplicaId, string[]>; damaged: Set<ReplicaId> }> {
  const logs = new Map<ReplicaId, string[]>()
  const damaged = new Set<ReplicaId>()
  for await (const { log, updates, damage } of store.load()) {
    logs.set(log, updates.map(hex))
    if (damage !== undefined) damaged.add(log)
  }
  return { logs, damaged }
}

/** The same content, whatever the order of the logs. */
export function sameContent(a: Map<ReplicaId, string[]>, b: Map<ReplicaId, string[]>): boolean {
  const sorted = (map: Map<ReplicaId, string[]>) => JSON.stringify([...map].sort(([x], [y]) => x - y))
  return sorted(a) === sorted(b)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
