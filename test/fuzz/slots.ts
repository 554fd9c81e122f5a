import type { Entry, ReplicaId, Table } from '@tallymesh/crdt'
import type * as Y from 'yjs'

/** Totals by slot, `<replica id> <key>`. */
export type Slots = ReadonlyMap<string, Totals>

export interface Totals {
  readonly p: number
  readonly n: number
}

export function slotsOf(table: Table): Slots {
  const slots = new Map<string, Totals>()
  for (const replica of table.replicas()) {
    for (const { key, p, n } of table.slotsOf(replica)) if (p > 0 || n > 0) slots.set(`${replica} ${key}`, { p, n })
  }
  return slots
}

/** The most that entries of a log say of each slot. */
export function claimsOf(
  log: ReplicaId,
  entries: Iterable<Entry>,
  claims = new Map<string, Totals>(),
): Map<string, Totals> {
  for (const entry of entries) {
    if (entry.kind !== 'slot' && entry.kind !== 'adopted') continue
    const slot = `${entry.kind === 'slot' ? log : entry.replica} ${entry.key}`
    const before = claims.get(slot) ?? { p: 0, n: 0 }
    claims.set(slot, { p: Math.max(before.p, entry.p), n: Math.max(before.n, entry.n) })
  }
  return claims
}

/** Says which slot is not what it was, raised by what was claimed of it: none may fall, and none rise by itself. */
export function unraised(before: Slots, after: Slots, claims: Slots): string | undefined {
  for (const slot of new Set([...before.keys(), ...after.keys(), ...claims.keys()])) {
    const [was, is, said] = [before, after, claims].map(slots => slots.get(slot) ?? { p: 0, n: 0 }) as [
      Totals,
      Totals,
      Totals,
    ]
    if (is.p < was.p || is.n < was.n) return `the slot ${slot} fell from ${show(was)} to ${show(is)}`
    const most = { p: Math.max(was.p, said.p), n: Math.max(was.n, said.n) }
    if (is.p > most.p || is.n > most.n)
      return `the slot ${slot} rose from ${show(was)} to ${show(is)}, ${show(said)} was said`
  }
  return undefined
}

/** The clients of which a document holds structs. */
export function ids(doc: Y.Doc): number[] {
  return [...doc.store.clients.keys()]
}

function show({ p, n }: Totals): string {
  return `+${p} -${n}`
}
