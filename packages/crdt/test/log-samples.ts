import * as assert from 'uvu/assert'
import { decodeBatch, encodeBatch, type Pack } from '../src/batch.js'
import { NO_KNOWN_KEYS } from '../src/entry.js'
import {
  type AppendedCommit,
  type CounterKey,
  counterKey,
  type Entry,
  LogWriter,
  operationId,
  type ReplicaId,
  ReplicaLog,
  replicaId,
  type SettlementEntry,
  Table,
  type Verdict,
} from '../src/index.js'
import { packEntries } from './encoded.js'

export const LOG: ReplicaId = replicaId(2 ** 52 + 7)

/** A node that counts: its log, its table and all that it sent. */
export class Source {
  readonly table = new Table()
  readonly log: ReplicaLog
  readonly writer: LogWriter
  readonly commits: AppendedCommit[] = []
  readonly #totals = new Map<CounterKey, number>()

  constructor(
    readonly id = LOG,
    history: readonly Uint8Array[] = [],
  ) {
    this.log = new ReplicaLog(id, this.table)
    for (const bytes of history) {
      const verdict = this.log.check(bytes)
      if (verdict.verdict !== 'new') continue
      this.log.apply(verdict, entry => this.#note(entry))
    }
    this.writer = new LogWriter(this.log)
  }

  /** Commits +1 on each of these names. */
  count(...names: string[]): AppendedCommit {
    return this.commit(names.map(name => this.plus(name)))
  }

  /** The slot entry of `name` with `amount` more. */
  plus(name: string, amount = 1): Entry {
    const key = counterKey(name)
    return { kind: 'slot', key, p: (this.#totals.get(key) ?? 0) + amount, n: 0 }
  }

  commit(entries: readonly Entry[], salt = 0): AppendedCommit {
    for (const entry of entries) this.#note(entry)
    const commit = this.writer.append(entries, salt)
    this.commits.push(commit)
    return commit
  }

  get updates(): Uint8Array[] {
    return this.commits.map(({ bytes }) => bytes)
  }

  #note(entry: Entry): void {
    this.table.mergeEntry(this.id, entry)
    if (entry.kind === 'slot') this.#totals.set(entry.key, entry.p)
  }
}

/** A node that receives: its log, its table, and the records that it would have stored. */
export class Reader {
  table = new Table()
  log: ReplicaLog
  readonly applied: Uint8Array[] = []
  /** The clock of the first new element of each. */
  readonly starts: number[] = []

  constructor(readonly id = LOG) {
    this.log = new ReplicaLog(id, this.table)
  }

  take(bytes: Uint8Array): Verdict {
    const verdict = this.log.check(bytes)
    if (verdict.verdict === 'diverged') for (const entry of verdict.entries) this.table.mergeEntry(this.id, entry)
    if (verdict.verdict !== 'new') return verdict
    this.log.apply(verdict, entry => void this.table.mergeEntry(this.id, entry))
    this.applied.push(bytes)
    this.starts.push(verdict.clock)
    return verdict
  }

  takeNew(...updates: Uint8Array[]): void {
    for (const bytes of updates) assert.is(this.take(bytes).verdict, 'new')
  }

  /** Catches up from a log in pieces. */
  catchUp(from: ReplicaLog, bytesMax: number, between: () => unknown = () => {}): void {
    for (;;) {
      const piece = from.diff(this.log.clock, bytesMax)
      this.take(piece.bytes)
      assert.is(this.log.clock, piece.end)
      if (piece.last) return
      between()
    }
  }

  /** Takes a stored record in, as loading does. */
  replay(bytes: Uint8Array): void {
    this.starts.push(this.log.clock)
    const takeSlot = (id: number, p: number, n: number) => void this.table.merge(this.id, id, p, n)
    for (const entry of this.log.replay(bytes, takeSlot)) this.table.mergeEntry(this.id, entry)
    this.applied.push(bytes)
  }

  /** What a store would load: every record, in order. */
  reloaded(): Reader {
    const reader = new Reader(this.id)
    for (const bytes of this.applied) reader.replay(bytes)
    return reader
  }

  /** What a store would load after trimming: the head's record, and those that are not wholly below it. */
  trimmed(): Reader {
    const reader = new Reader(this.id)
    const kept = this.applied.filter((_, i) => (this.starts[i + 1] ?? Number.POSITIVE_INFINITY) > this.log.head)
    if (this.log.head > 0) reader.replay(this.log.headUpdate())
    for (const bytes of kept) reader.replay(bytes)
    return reader
  }
}

/** Everything that can be seen of a log from outside, as text. */
export function snapshot(log: ReplicaLog): string {
  const { clock, head, complete, structs, live, tip } = log
  const elements: string[] = []
  for (let at = head; at < clock; at++) {
    try {
      elements.push(Buffer.from(log.element(at)).toString('base64'))
    } catch {
      elements.push('deleted')
    }
  }
  const identities = log.doc.share.size
  return JSON.stringify([clock, head, complete, structs, live.size, `${log.digest}`, tip, elements, identities])
}

/** Same history as far as it can be seen: not merely the same counts. */
export function sameLog(one: ReplicaLog, other: ReplicaLog): void {
  assert.is(snapshot(one), snapshot(other))
}

/** Rebuilds a batch from changed parts, with a checksum that holds, and the digest that it had. */
export function rebuild(
  bytes: Uint8Array,
  change: (entries: Entry[]) => Entry[],
  frame: { previous?: number; head?: number } = {},
): Uint8Array {
  const batch = decodeBatch(bytes, NO_KNOWN_KEYS)
  const [pack] = packEntries(change(batch.entries.map(({ entry }) => entry)))
  return encodeBatch({ ...batch, ...frame }, pack as Pack)
}

/** A settlement of `count` operations that no other number's names. */
export function settlement(number: number, count: number): SettlementEntry {
  const id = (i: number) => operationId((number * 2 ** 20 + i).toString(16).padStart(32, '0'))
  return {
    kind: 'settlement',
    number,
    operations: Array.from({ length: count }, (_, i) => ({ id: id(i), lo: i, hi: 1 })),
  }
}
