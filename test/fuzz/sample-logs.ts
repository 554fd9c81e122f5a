import { type Entry, entryIdentity, LogWriter, logRoot, type ReplicaId, ReplicaLog, Table } from '@tallymesh/crdt'
import * as encoding from 'lib0/encoding'

/** A real log, with all that it sent and could send. */
export interface SampleLog {
  readonly id: ReplicaId
  readonly log: ReplicaLog
  readonly table: Table
  /** One update a commit, in order. */
  readonly updates: readonly Uint8Array[]
  /** Answers to those who are behind: parts of the log, also across its deleted prefix. */
  readonly diffs: readonly Uint8Array[]
  /** The batches that it still holds. */
  readonly elements: readonly Uint8Array[]
}

/** Writes a log by the real writer. Totals never fall, whatever `commits` say. @param history a log to go on with */
export function writeLog(
  id: ReplicaId,
  commits: readonly (readonly Entry[])[],
  history: readonly Uint8Array[] = [],
): SampleLog {
  const table = new Table()
  const log = new ReplicaLog(id, table)
  const latest = new Map<string, Entry>()
  const note = (entry: Entry): void => {
    latest.set(entryIdentity(entry), entry)
    table.mergeEntry(id, entry)
  }
  for (const update of history) for (const entry of log.replay(update)) note(entry)
  const writer = new LogWriter(log)
  const updates = [...history]
  for (const [salt, entries] of commits.entries()) {
    const raised = entries.map(entry => raise(entry, latest.get(entryIdentity(entry))))
    updates.push(writer.append(raised, salt).bytes)
    for (const entry of raised) note(entry)
  }
  const diffs: Uint8Array[] = []
  for (const from of new Set([0, log.head, Math.max(0, log.clock - 3), Math.max(0, log.clock - 1)])) {
    for (const bytesMax of [300, 32_768]) diffs.push(log.diff(from, bytesMax).bytes)
  }
  const elements: Uint8Array[] = []
  for (let clock = log.head; clock < log.clock; clock++) elements.push(log.element(clock))
  return { id, log, table, updates, diffs, elements }
}

function raise(entry: Entry, before: Entry | undefined): Entry {
  if (entry.kind !== 'slot' && entry.kind !== 'adopted') return entry
  if (before?.kind !== entry.kind) return entry
  return { ...entry, p: Math.max(entry.p, before.p), n: Math.max(entry.n, before.n) }
}

/** Many commits on few keys: the writer cleans the head, and updates carry deletions. */
export function busyCommits(keys: readonly Entry[], commits: number): Entry[][] {
  return Array.from({ length: commits }, (_, number) => {
    const entry = keys[number % keys.length] as Entry
    return [entry.kind === 'slot' ? { ...entry, p: number + 1, n: 0 } : entry]
  })
}

/** The parts of an update, to be put together wrongly. */
export interface UpdateParts {
  readonly clock: number
  /** How many elements from `clock` on come without content. */
  readonly deleted: number
  readonly elements: readonly Uint8Array[]
  readonly deletes: { readonly from: number; readonly length: number } | undefined
}

/** An update in the form that logs use, of any parts, possible ones or not. */
export function encodeUpdate(id: ReplicaId, { clock, deleted, elements, deletes }: UpdateParts): Uint8Array {
  const encoder = encoding.createEncoder()
  const structs = elements.length + (deleted > 0 ? 1 : 0)
  encoding.writeVarUint(encoder, structs > 0 ? 1 : 0)
  if (structs > 0) {
    for (const field of [structs, id, clock]) encoding.writeVarUint(encoder, field)
    if (deleted > 0) {
      writeItem(encoder, id, clock, 1)
      encoding.writeVarUint(encoder, deleted)
    }
    for (const [at, element] of elements.entries()) {
      writeItem(encoder, id, clock + deleted + at, 3)
      encoding.writeVarUint8Array(encoder, element)
    }
  }
  encoding.writeVarUint(encoder, deletes ? 1 : 0)
  if (deletes) for (const field of [id, 1, deletes.from, deletes.length]) encoding.writeVarUint(encoder, field)
  return encoding.toUint8Array(encoder)
}

function writeItem(encoder: encoding.Encoder, id: ReplicaId, clock: number, content: number): void {
  encoding.writeUint8(encoder, clock > 0 ? content | 0x80 : content)
  if (clock > 0) for (const field of [id, clock - 1]) encoding.writeVarUint(encoder, field)
  else {
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, logRoot(id))
  }
}
