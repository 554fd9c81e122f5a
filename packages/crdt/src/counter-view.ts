import * as Y from 'yjs'
import type { CounterKey } from './counter-key.js'
import type { ReplicaId } from './ids.js'
import { Ledger } from './ledger.js'
import { isLedgerEntry, type LedgerEntry } from './ledger-entry.js'
import { decodeLogBatch } from './log-batch.js'
import { rootLog } from './log-update.js'
import { safeValue } from './safe-value.js'
import { Table } from './table.js'

/** Reads the counters out of a Yjs document that holds logs: the copy that a y-websocket client gets, or one loaded from
 *  anywhere. Works in Node and in browsers.
 *  @throws TallymeshError BATCH_DAMAGED or BATCH_UNSUPPORTED where the document holds something else in a log */
export function readCounters(doc: Y.Doc): Table {
  const reading = new Reading()
  for (const root of [...doc.share.keys()]) {
    const log = rootLog(root)
    if (log !== undefined) reading.read(log, 0, Y.getState(doc.store, log), doc.getArray<Uint8Array>(root).toArray())
  }
  return reading.table
}

/** A table, and what logs say of operations, built from their elements. */
class Reading {
  readonly table = new Table()
  readonly #forked = new Set<ReplicaId>()
  readonly #ledger = new Ledger(this.table, log => this.#forked.has(log))

  /** Takes in elements of a log that came forward from the clock `from` to `clock`. Answers the keys (by table id) that changed. */
  read(log: ReplicaId, from: number, clock: number, elements: readonly Uint8Array[]): Set<number> {
    const changed = new Set<number>()
    const said: LedgerEntry[] = []
    for (const element of elements) {
      for (const { entry } of decodeLogBatch(log, element, this.table).entries) {
        if (entry.kind === 'fork') this.#forked.add(entry.replica)
        if (isLedgerEntry(entry)) said.push(entry)
        const id = this.table.mergeEntry(log, entry)
        if (id !== -1) changed.add(id)
      }
    }
    for (const id of this.#ledger.take(log, from, clock, true, said)) changed.add(id)
    // Nothing is forgotten here but what its log forgets.
    this.#ledger.takeArrived()
    this.#ledger.takeFenced()
    return changed
  }
}

/** A live view of the counters in a Yjs document. It follows the document's updates, reads only what is new, and never falls:
 *  what it has seen it keeps, as every node's table does. */
export class CounterView {
  readonly #reading = new Reading()
  readonly #read = new Map<string, number>()
  readonly #listeners = new Set<(keys: ReadonlySet<CounterKey>) => void>()
  readonly #follow = () => this.#refresh()

  /** @throws as `readCounters` does */
  constructor(readonly doc: Y.Doc) {
    this.#refresh()
    // An error thrown in `update` would leave the document unable to end any later transaction; here Yjs expects one.
    doc.on('afterTransaction', this.#follow)
  }

  get table(): Table {
    return this.#reading.table
  }

  /** The value of a key; 0 for one that was never counted. O(1).
   *  @throws TallymeshError VALUE_UNSAFE where no number holds it exactly */
  value(key: CounterKey): number {
    const id = this.table.findId(key)
    if (id === undefined) return 0
    const value = this.table.value(id)
    return Number.isFinite(value) ? value : safeValue(key, this.table.valueBigInt(id))
  }

  /** All keys with their values, in key order. */
  *counters(prefix = ''): IterableIterator<[CounterKey, number]> {
    for (const key of this.table.keysBehind('', prefix)) yield [key, this.value(key)]
  }

  /** Calls `listener` with the keys that changed, after each update that changed some. Answers how to stop. */
  onChange(listener: (keys: ReadonlySet<CounterKey>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops following the document. */
  destroy(): void {
    this.doc.off('afterTransaction', this.#follow)
    this.#listeners.clear()
  }

  /** A damaged log hides no other: it is read again, and found damaged again, at each update. */
  #refresh(): void {
    const changed = new Set<CounterKey>()
    const failures: unknown[] = []
    for (const root of [...this.doc.share.keys()]) {
      const log = rootLog(root)
      if (log === undefined) continue
      try {
        this.#readLog(root, log, changed)
      } catch (failure) {
        failures.push(failure)
      }
    }
    if (changed.size > 0) for (const listener of this.#listeners) listener(changed)
    if (failures.length > 0) throw failures[0]
  }

  #readLog(root: string, log: ReplicaId, changed: Set<CounterKey>): void {
    const array = this.doc.getArray<Uint8Array>(root)
    const clock = Y.getState(this.doc.store, log)
    const read = this.#read.get(root) ?? 0
    // Of what was deleted before it was seen, operations may have been dropped: then the log is read as a whole.
    const whole = clock - read > array.length
    const elements = whole ? array.toArray() : array.slice(array.length - (clock - read))
    for (const id of this.#reading.read(log, whole ? 0 : read, clock, elements)) changed.add(this.table.keyOf(id))
    this.#read.set(root, clock)
  }
}
