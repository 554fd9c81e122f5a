import {
  type CommitMark,
  decodeBatch,
  decodeLogUpdate,
  type LogWrite,
  type ReplicaId,
  ReplicaLog,
  type StoredLog,
  type StoreId,
  Table,
} from '@tallymesh/crdt'

/** A stored update, with the clock at which it starts and the one at which it ends. */
interface StoredRecord {
  readonly clock: number
  readonly end: number
  readonly update: Uint8Array
}

interface Records {
  readonly head: StoredRecord | undefined
  readonly records: readonly StoredRecord[]
}

/** What a disk holds at one moment. Never changed: an earlier one can be put back at any time. */
export interface DiskState {
  readonly logs: ReadonlyMap<ReplicaId, Records>
  readonly mark: CommitMark | undefined
}

/** Records never change, so what they add up to is read once: the clock up to which they are whole. */
const WHOLE = new WeakMap<Records, number>()
const EMPTY: DiskState = { logs: new Map(), mark: undefined }

/** A disk in memory that applies writes whole or not at all, as the Store port promises, and remembers all it ever held. */
export class VirtualDisk {
  state: DiskState = EMPTY
  readonly history: DiskState[] = [EMPTY]
  readonly #damage = new Map<ReplicaId, { readonly text: string; readonly lost: number }>()

  constructor(readonly store: StoreId) {}

  apply(writes: readonly LogWrite[], commit: CommitMark | undefined): void {
    const logs = new Map(this.state.logs)
    for (const write of writes) {
      const records = applied(write, write.drop ? undefined : logs.get(write.log))
      if (records) logs.set(write.log, records)
      else logs.delete(write.log)
    }
    this.state = { logs, mark: commit ?? this.state.mark }
    this.history.push(this.state)
  }

  /** At the next load the store says that the log is damaged, and its record number `lost` cannot be read. */
  harm(log: ReplicaId, text: string, lost = 1): void {
    this.#damage.set(log, { text, lost })
  }

  copy(): VirtualDisk {
    const copy = new VirtualDisk(this.store)
    copy.state = this.state
    copy.history.push(this.state)
    return copy
  }

  /** The clock up to which a log is stored. */
  clock(log: ReplicaId): number {
    const records = this.state.logs.get(log)
    return records?.records.at(-1)?.end ?? records?.head?.end ?? 0
  }

  /** The log as a fresh process would find it. */
  read(log: ReplicaId): ReplicaLog {
    return replay(log, this.state.logs.get(log)).read
  }

  /** The checksums of the batches of a log that are not deleted: which of two histories it holds. */
  tips(log: ReplicaId): number[] {
    const read = this.read(log)
    const tips: number[] = []
    for (let clock = read.head; clock < read.clock; clock++)
      tips.push(decodeBatch(read.element(clock), read.known).checksum)
    return tips
  }

  /** The clock up to which nothing of a log is missing here; what a catch-up left open lies behind it. */
  wholeClock(log: ReplicaId): number {
    const records = this.state.logs.get(log)
    if (!records) return 0
    let clock = WHOLE.get(records)
    if (clock === undefined) WHOLE.set(records, (clock = replay(log, records).whole))
    return clock
  }

  *load(): IterableIterator<StoredLog> {
    for (const [log, records] of this.state.logs) {
      const damage = this.#damage.get(log)
      const updates = updatesOf(records)
      yield damage
        ? { log, updates: updates.filter((_, i) => i !== damage.lost), damage: damage.text }
        : { log, updates }
    }
    this.#damage.clear()
  }

  /** How many records all logs have. */
  get records(): number {
    let count = 0
    for (const { records, head } of this.state.logs.values()) count += records.length + (head ? 1 : 0)
    return count
  }
}

function replay(log: ReplicaId, records: Records | undefined): { read: ReplicaLog; whole: number } {
  const read = new ReplicaLog(log, new Table())
  let whole = 0
  for (const update of updatesOf(records)) {
    const verdict = read.check(update)
    if (verdict.verdict === 'new') read.apply(verdict, () => {})
    if (read.complete) whole = read.clock
  }
  return { read, whole }
}

function applied({ log, append, head }: LogWrite, old: Records | undefined): Records | undefined {
  let records = old?.records ?? []
  let headRecord = old?.head
  if (append) {
    const last = records.at(-1)
    if (last && last.clock >= append.clock) throw new Error(`records of log ${log} do not ascend: ${append.clock}`)
    records = [...records, { ...append, end: endOf(log, append.update) }]
  }
  if (head) {
    headRecord = { ...head, end: head.clock }
    const kept = records.findIndex((_, i) => (records[i + 1]?.clock ?? Number.POSITIVE_INFINITY) > head.clock)
    records = records.slice(Math.max(0, kept))
  }
  return records.length > 0 || headRecord ? { head: headRecord, records } : undefined
}

function endOf(log: ReplicaId, update: Uint8Array): number {
  const { deletedTo, elements } = decodeLogUpdate(log, update)
  return deletedTo + elements.length
}

function updatesOf(records: Records | undefined): Uint8Array[] {
  if (!records) return []
  return [...(records.head ? [records.head] : []), ...records.records].map(({ update }) => update)
}
