import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { TallymeshError } from './errors.js'
import type { ReplicaId } from './ids.js'
import { KeptEncoder } from './kept-encoder.js'
import { readUint } from './uint.js'

/** What an update of a log may hold, taken apart. It is a Yjs update (version 1) of one client, the log's replica id:
 *  a run of deleted elements, a run of batches after it, and the deletion of a prefix. */
export interface LogUpdate {
  /** The clock of the first element. */
  readonly clock: number
  /** The elements [clock, deletedTo) come without content: their log has deleted them. Equal to `clock` if none. */
  readonly deletedTo: number
  /** The batches, as bytes, from `deletedTo` on. */
  readonly elements: readonly Uint8Array[]
  /** The elements [from, to) are deleted. */
  readonly deletes: { readonly from: number; readonly to: number } | undefined
}

const CONTENT_DELETED = 1
const CONTENT_BINARY = 3
const HAS_ORIGIN = 0x80
/** Yjs keeps clocks as integers; beyond this a crafted run could leave the safe range. */
const CLOCK_MAX = 2 ** 48
const kept = new KeptEncoder()

/** The name of a log's root array. */
export function logRoot(log: ReplicaId): string {
  return `log/${log}`
}

/** The replica id of a root array's name, or undefined where it is not a log's. */
export function rootLog(root: string): ReplicaId | undefined {
  const digits = /^log\/([1-9][0-9]{0,15})$/.exec(root)?.[1]
  const id = Number(digits)
  return digits !== undefined && Number.isSafeInteger(id) ? (id as ReplicaId) : undefined
}

export function encodeLogUpdate(log: ReplicaId, update: LogUpdate): Uint8Array {
  return kept.encode(encoder => writeLogUpdate(encoder, log, update))
}

function writeLogUpdate(encoder: encoding.Encoder, log: ReplicaId, update: LogUpdate): void {
  const deleted = update.deletedTo - update.clock
  const structs = update.elements.length + (deleted > 0 ? 1 : 0)
  encoding.writeVarUint(encoder, structs > 0 ? 1 : 0)
  if (structs > 0) {
    encoding.writeVarUint(encoder, structs)
    encoding.writeVarUint(encoder, log)
    encoding.writeVarUint(encoder, update.clock)
    if (deleted > 0) {
      writeItemStart(encoder, log, update.clock, CONTENT_DELETED)
      encoding.writeVarUint(encoder, deleted)
    }
    let clock = update.deletedTo
    for (const element of update.elements) {
      writeItemStart(encoder, log, clock++, CONTENT_BINARY)
      encoding.writeVarUint8Array(encoder, element)
    }
  }
  encoding.writeVarUint(encoder, update.deletes ? 1 : 0)
  if (update.deletes) {
    encoding.writeVarUint(encoder, log)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, update.deletes.from)
    encoding.writeVarUint(encoder, update.deletes.to - update.deletes.from)
  }
}

function writeItemStart(encoder: encoding.Encoder, log: ReplicaId, clock: number, content: number): void {
  if (clock > 0) {
    encoding.writeUint8(encoder, content | HAS_ORIGIN)
    encoding.writeVarUint(encoder, log)
    encoding.writeVarUint(encoder, clock - 1)
  } else {
    encoding.writeUint8(encoder, content)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, logRoot(log))
  }
}

/** Takes an update of `log` apart and refuses everything that a log may not hold, before Yjs sees a byte of it. Bounded by
 *  the length of `bytes` in time and memory.
 *  @throws TallymeshError UPDATE_REFUSED */
export function decodeLogUpdate(log: ReplicaId, bytes: Uint8Array): LogUpdate {
  try {
    const decoder = decoding.createDecoder(bytes)
    const runs = readStructs(decoder, log)
    const deletes = readDeletes(decoder, log)
    if (decoding.hasContent(decoder)) refuse('bytes after its end')
    return { ...runs, deletes }
  } catch (cause) {
    if (cause instanceof TallymeshError) throw cause
    throw new TallymeshError(
      'UPDATE_REFUSED',
      `an update of log ${log.toString(16)} ends too early or breaks the format`,
      {
        cause,
      },
    )
  }
}

function readStructs(decoder: decoding.Decoder, log: ReplicaId): Omit<LogUpdate, 'deletes'> {
  const clients = readUint(decoder)
  if (clients > 1) refuse(`structs of ${clients} clients`)
  if (clients === 0) return { clock: 0, deletedTo: 0, elements: [] }
  const structs = readUint(decoder)
  const client = readUint(decoder)
  if (client !== log) refuse(`structs of client ${client} in log ${log}`)
  const clock = readClock(decoder)
  let deletedTo = clock
  const elements: Uint8Array[] = []
  for (let i = 0; i < structs; i++) {
    const content = readItemStart(decoder, log, deletedTo + elements.length)
    if (content === CONTENT_BINARY) elements.push(decoding.readVarUint8Array(decoder))
    else if (content === CONTENT_DELETED && i === 0) deletedTo += readLength(decoder)
    else refuse(`an item with content of kind ${content}`)
  }
  if (structs === 0) refuse('an empty run of structs')
  return { clock, deletedTo, elements }
}

/** Reads what stands before an item's content; answers the kind of the content. */
function readItemStart(decoder: decoding.Decoder, log: ReplicaId, clock: number): number {
  const info = decoding.readUint8(decoder)
  if (clock > 0) {
    if ((info & 0xe0) !== HAS_ORIGIN) refuse(`an item at clock ${clock} that does not follow its predecessor`)
    const client = readUint(decoder)
    const origin = readUint(decoder)
    if (client !== log || origin !== clock - 1) refuse(`an item at clock ${clock} with origin ${client}:${origin}`)
  } else {
    if ((info & 0xe0) !== 0) refuse('a first item with an origin or a map key')
    const byName = readUint(decoder)
    const root = byName === 1 ? decoding.readVarString(decoder) : undefined
    if (root !== logRoot(log)) refuse(`an item outside the root array ${logRoot(log)}`)
  }
  return info & 0x1f
}

function readDeletes(decoder: decoding.Decoder, log: ReplicaId): LogUpdate['deletes'] {
  const clients = readUint(decoder)
  if (clients > 1) refuse(`deletions in logs of ${clients} clients`)
  if (clients === 0) return undefined
  const client = readUint(decoder)
  const ranges = readUint(decoder)
  if (client !== log || ranges !== 1) refuse(`${ranges} ranges of deletions in client ${client}`)
  const from = readClock(decoder)
  return { from, to: from + readLength(decoder) }
}

/** Reads how many elements are deleted. Yjs would take a run of none as an item of length 0. */
function readLength(decoder: decoding.Decoder): number {
  const length = readClock(decoder)
  if (length === 0) refuse('an empty deletion')
  return length
}

function readClock(decoder: decoding.Decoder): number {
  const clock = readUint(decoder)
  if (clock > CLOCK_MAX) refuse(`the clock ${clock}`)
  return clock
}

function refuse(what: string): never {
  throw new TallymeshError('UPDATE_REFUSED', `an update holds ${what}, which a log may not hold; it was dropped`)
}
