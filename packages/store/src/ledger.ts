import { crc32 } from 'node:zlib'
import { type LogWrite, type ReplicaId, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import { HEAD } from './record-key.js'
import type { StoreWrite } from './store.js'
import { Summary } from './summary.js'

/** Where a ledger puts the changes that a write means. */
export interface RecordSink {
  put(log: ReplicaId, clock: number, update: Uint8Array): void
  delete(log: ReplicaId, clock: number): void
}

/** The records of one log: starts ascend; `first` is the index of the oldest live one. */
interface Records {
  starts: number[]
  checksums: number[]
  first: number
  head: number | undefined
}

/** Which records a store holds, without their bytes: start and checksum of each, and the summary of all. Decides what a
 *  write deletes. O(1) amortised for each change. */
export class Ledger {
  readonly summary = new Summary()
  readonly #logs = new Map<ReplicaId, Records>()

  get logs(): IterableIterator<ReplicaId> {
    return this.#logs.keys()
  }

  /** The places of a log's records: the head record first, then in clock order. */
  places(log: ReplicaId): number[] {
    const records = this.#logs.get(log)
    if (!records) return []
    const starts = records.starts.slice(records.first)
    return records.head === undefined ? starts : [HEAD, ...starts]
  }

  /** Enters a record that was found; those of one log come in clock order. */
  enter(log: ReplicaId, clock: number, checksum: number): void {
    const records = this.#records(log)
    this.summary.add(log, clock, checksum)
    if (clock === HEAD) {
      records.head = checksum
      return
    }
    records.starts.push(clock)
    records.checksums.push(checksum)
  }

  /** Refuses a write that the records do not allow.
   *  @throws TallymeshError INVALID_OPTION; nothing is changed then */
  check(write: StoreWrite): void {
    const last = new Map<ReplicaId, number>()
    for (const change of write.logs) {
      if (change.head) checkRecord(change.log, 'head', change.head)
      const before = change.drop ? -1 : (last.get(change.log) ?? this.#last(change.log))
      if (change.append) {
        checkRecord(change.log, 'record', change.append)
        if (change.append.clock <= before) {
          throw new TallymeshError(
            'INVALID_OPTION',
            `log ${showReplicaId(change.log)}: a record at clock ${change.append.clock} cannot follow the one at ${before}`,
          )
        }
      }
      last.set(change.log, change.append?.clock ?? before)
    }
  }

  /** Applies a write that `check` allowed and tells `sink` every record that comes and goes. */
  apply(write: StoreWrite, sink: RecordSink): void {
    for (const change of write.logs) this.#apply(change, sink)
  }

  #apply(change: LogWrite, sink: RecordSink): void {
    const { log } = change
    if (change.drop) this.#drop(log, sink)
    if (change.append) {
      this.enter(log, change.append.clock, crc32(change.append.update))
      sink.put(log, change.append.clock, change.append.update)
    }
    if (!change.head) return
    const records = this.#records(log)
    while (records.first + 1 < records.starts.length) {
      const next = records.starts[records.first + 1] as number
      if (next > change.head.clock) break
      this.#shift(log, records, sink)
    }
    if (records.head !== undefined) this.summary.remove(log, HEAD, records.head)
    this.enter(log, HEAD, crc32(change.head.update))
    sink.put(log, HEAD, change.head.update)
  }

  #drop(log: ReplicaId, sink: RecordSink): void {
    const records = this.#logs.get(log)
    if (!records) return
    while (records.first < records.starts.length) this.#shift(log, records, sink)
    if (records.head !== undefined) {
      this.summary.remove(log, HEAD, records.head)
      sink.delete(log, HEAD)
    }
    this.#logs.delete(log)
  }

  #shift(log: ReplicaId, records: Records, sink: RecordSink): void {
    const { first } = records
    this.summary.remove(log, records.starts[first] as number, records.checksums[first] as number)
    sink.delete(log, records.starts[first] as number)
    records.first += 1
    // Dropping the dead half now and then keeps the arrays O(live) and a deletion O(1) amortised.
    if (records.first > 64 && records.first * 2 > records.starts.length) {
      records.starts.splice(0, records.first)
      records.checksums.splice(0, records.first)
      records.first = 0
    }
  }

  #last(log: ReplicaId): number {
    return this.#logs.get(log)?.starts.at(-1) ?? -1
  }

  #records(log: ReplicaId): Records {
    let records = this.#logs.get(log)
    if (!records) {
      records = { starts: [], checksums: [], first: 0, head: undefined }
      this.#logs.set(log, records)
    }
    return records
  }
}

function checkRecord(log: ReplicaId, what: string, { clock, update }: { clock: number; update: Uint8Array }): void {
  if (!Number.isSafeInteger(clock) || clock < 0) {
    throw new TallymeshError(
      'INVALID_OPTION',
      `log ${showReplicaId(log)}: a ${what} clock must be an integer from 0 to 2^53 - 1, got ${clock}`,
    )
  }
  if (!(update instanceof Uint8Array)) {
    throw new TallymeshError(
      'INVALID_OPTION',
      `log ${showReplicaId(log)}: the update of a ${what} must be a Uint8Array`,
    )
  }
}
