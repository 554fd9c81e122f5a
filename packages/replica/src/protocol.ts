import {
  checkName,
  KeptEncoder,
  type LogPoint,
  type ReplicaId,
  type ReplicaLog,
  replicaId,
  type StoreId,
  storeId,
  TallymeshError,
} from '@tallymesh/crdt'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { messageYjsSyncStep1, messageYjsSyncStep2, messageYjsUpdate } from 'y-protocols/sync'

/** How far a log is known to a node, and what it then sums to. */
export interface LogState {
  readonly log: ReplicaId
  readonly clock: number
  readonly lo: number
  readonly hi: number
}

/** How far a log is, and a sum over its content and its history. */
export function stateOf({ id, clock, digest, tip }: ReplicaLog): LogState {
  return { log: id, clock, lo: (digest.lo ^ (tip ?? 0)) >>> 0, hi: digest.hi }
}

/** A store has everything of `log` below `clock` on its disk. */
export interface DurableMark {
  readonly store: StoreId
  readonly log: ReplicaId
  readonly clock: number
}

/** A member that a peer is linked to, and where it can be dialed. */
export interface Introduction {
  readonly store: StoreId
  readonly name: string
  readonly urls: readonly string[]
}

/** What replicas say to each other. Frames carry one each; `docs/PROTOCOL.md` has the bytes. */
export type Message =
  /** The sender's logs. `full`: all of them, and the receiver answers with those in which it is ahead. */
  | { readonly type: 'clocks'; readonly full: boolean; readonly logs: readonly LogState[] }
  /** Asks for what follows `clock` (Yjs sync step 1). */
  | { readonly type: 'pull'; readonly log: ReplicaId; readonly clock: number }
  /** A part of the answer (Yjs sync step 2); `more` follows when it is asked for. */
  | { readonly type: 'diff'; readonly log: ReplicaId; readonly update: Uint8Array; readonly more: boolean }
  /** A commit, as it happens (Yjs update). */
  | { readonly type: 'update'; readonly log: ReplicaId; readonly update: Uint8Array }
  | { readonly type: 'durable'; readonly marks: readonly DurableMark[] }
  | StandMessage
  /** Whom the sender is linked to: how a node learns of members that nobody has recorded yet. */
  | { readonly type: 'members'; readonly members: readonly Introduction[] }
  /** The heartbeat: the sender's live replica id, the replica ids of its direct peers, and a sum over all its logs. */
  | {
      readonly type: 'ping'
      readonly replica: ReplicaId | 0
      readonly linked: readonly ReplicaId[]
      readonly lo: number
      readonly hi: number
    }

/** Where the sender stands: see `Stands`. */
export interface StandMessage {
  readonly type: 'stand'
  /** Counts up on a link, from 1. */
  readonly number: number
  /** It says all, and does not only add to the one before it. */
  readonly whole: boolean
  /** The next one goes on with it. */
  readonly more: boolean
  readonly logs: readonly LogPoint[]
}

/** The frame kinds of the messages. */
export const KIND = { clocks: 16, sync: 17, durable: 18, ping: 19, members: 20, stand: 21 } as const
const URLS_MAX = 8
const URL_BYTES_MAX = 1024
const LOGS_PER_FRAME_MAX = 30_000
const kept = new KeptEncoder()

export function encodeMessage(message: Message): { kind: number; body: Uint8Array } {
  let kind = 0
  const body = kept.encode(encoder => {
    kind = writeMessage(encoder, message)
  })
  return { kind, body }
}

function writeMessage(encoder: encoding.Encoder, message: Message): number {
  switch (message.type) {
    case 'clocks':
      encoding.writeUint8(encoder, message.full ? 1 : 0)
      encoding.writeVarUint(encoder, message.logs.length)
      for (const { log, clock, lo, hi } of message.logs) {
        encoding.writeVarUint(encoder, log)
        encoding.writeVarUint(encoder, clock)
        encoding.writeUint32(encoder, lo)
        encoding.writeUint32(encoder, hi)
      }
      return KIND.clocks
    case 'pull':
      writeSync(encoder, message.log, messageYjsSyncStep1, stateVector(message.log, message.clock))
      return KIND.sync
    case 'diff':
      writeSync(encoder, message.log, messageYjsSyncStep2, message.update)
      encoding.writeUint8(encoder, message.more ? 1 : 0)
      return KIND.sync
    case 'update':
      writeSync(encoder, message.log, messageYjsUpdate, message.update)
      return KIND.sync
    case 'durable':
      encoding.writeVarUint(encoder, message.marks.length)
      for (const { store, log, clock } of message.marks) {
        encoding.writeVarString(encoder, store)
        encoding.writeVarUint(encoder, log)
        encoding.writeVarUint(encoder, clock)
      }
      return KIND.durable
    case 'stand':
      encoding.writeVarUint(encoder, message.number)
      encoding.writeUint8(encoder, message.whole ? 1 : 0)
      encoding.writeUint8(encoder, message.more ? 1 : 0)
      encoding.writeVarUint(encoder, message.logs.length)
      for (const { log, clock } of message.logs) {
        encoding.writeVarUint(encoder, log)
        encoding.writeVarUint(encoder, clock)
      }
      return KIND.stand
    case 'members':
      encoding.writeVarUint(encoder, message.members.length)
      for (const { store, name, urls } of message.members) {
        encoding.writeVarString(encoder, store)
        encoding.writeVarString(encoder, name)
        encoding.writeVarUint(encoder, urls.length)
        for (const url of urls) encoding.writeVarString(encoder, url)
      }
      return KIND.members
    case 'ping':
      encoding.writeVarUint(encoder, message.replica)
      encoding.writeUint32(encoder, message.lo)
      encoding.writeUint32(encoder, message.hi)
      encoding.writeVarUint(encoder, message.linked.length)
      for (const id of message.linked) encoding.writeVarUint(encoder, id)
      return KIND.ping
  }
}

function writeSync(encoder: encoding.Encoder, log: ReplicaId, type: number, payload: Uint8Array): void {
  encoding.writeVarUint(encoder, log)
  encoding.writeVarUint(encoder, type)
  encoding.writeVarUint8Array(encoder, payload)
}

function stateVector(log: ReplicaId, clock: number): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, log)
  encoding.writeVarUint(encoder, clock)
  return encoding.toUint8Array(encoder)
}

/** Reads a frame's body. Bounded by its length.
 *  @throws TallymeshError FRAME_DAMAGED where it is not a message of this protocol */
export function decodeMessage(kind: number, body: Uint8Array): Message {
  try {
    const decoder = decoding.createDecoder(body)
    const message = readMessage(decoder, kind)
    if (decoding.hasContent(decoder)) throw new Error(`${body.length - decoder.pos} bytes after its end`)
    return message
  } catch (cause) {
    throw new TallymeshError('FRAME_DAMAGED', `a frame of kind ${kind} breaks the format`, { cause })
  }
}

function readMessage(decoder: decoding.Decoder, kind: number): Message {
  switch (kind) {
    case KIND.clocks:
      return { type: 'clocks', full: readFlag(decoder), logs: readList(decoder, readLogState) }
    case KIND.sync:
      return readSync(decoder)
    case KIND.durable:
      return { type: 'durable', marks: readList(decoder, readMark) }
    case KIND.stand:
      return readStand(decoder)
    case KIND.members:
      return { type: 'members', members: readList(decoder, readIntroduction) }
    case KIND.ping: {
      const replica = readUint(decoder)
      const lo = decoding.readUint32(decoder)
      const hi = decoding.readUint32(decoder)
      const linked = readList(decoder, () => replicaId(readUint(decoder)))
      return { type: 'ping', replica: replica === 0 ? 0 : replicaId(replica), linked, lo, hi }
    }
    default:
      throw new Error(`no message has the kind ${kind}`)
  }
}

function readSync(decoder: decoding.Decoder): Message {
  const log = replicaId(readUint(decoder))
  const type = readUint(decoder)
  const payload = decoding.readVarUint8Array(decoder)
  switch (type) {
    case messageYjsSyncStep1:
      return { type: 'pull', log, clock: readStateVector(log, payload) }
    case messageYjsSyncStep2:
      return { type: 'diff', log, update: payload, more: readFlag(decoder) }
    case messageYjsUpdate:
      return { type: 'update', log, update: payload }
    default:
      throw new Error(`no sync message has the type ${type}`)
  }
}

function readStand(decoder: decoding.Decoder): StandMessage {
  const number = readUint(decoder)
  if (number === 0) throw new Error('a stand is numbered from 1')
  const [whole, more] = [readFlag(decoder), readFlag(decoder)]
  return { type: 'stand', number, whole, more, logs: readList(decoder, readLogPoint) }
}

function readStateVector(log: ReplicaId, bytes: Uint8Array): number {
  const decoder = decoding.createDecoder(bytes)
  const clients = readUint(decoder)
  const client = readUint(decoder)
  const clock = readUint(decoder)
  if (clients !== 1 || client !== log || decoding.hasContent(decoder)) throw new Error('a state vector of another log')
  return clock
}

function readLogState(decoder: decoding.Decoder): LogState {
  const log = replicaId(readUint(decoder))
  const clock = readUint(decoder)
  return { log, clock, lo: decoding.readUint32(decoder), hi: decoding.readUint32(decoder) }
}

function readLogPoint(decoder: decoding.Decoder): LogPoint {
  return { log: replicaId(readUint(decoder)), clock: readUint(decoder) }
}

function readMark(decoder: decoding.Decoder): DurableMark {
  const store = storeId(decoding.readVarString(decoder))
  return { store, log: replicaId(readUint(decoder)), clock: readUint(decoder) }
}

function readIntroduction(decoder: decoding.Decoder): Introduction {
  const store = storeId(decoding.readVarString(decoder))
  const name = checkName('node name', decoding.readVarString(decoder))
  const urls = readList(decoder, () => checkName('URL of a node', decoding.readVarString(decoder), URL_BYTES_MAX))
  if (urls.length > URLS_MAX) throw new Error(`a member with ${urls.length} URLs`)
  return { store, name, urls }
}

function readFlag(decoder: decoding.Decoder): boolean {
  const flag = decoding.readUint8(decoder)
  if (flag > 1) throw new Error(`the flag ${flag}`)
  return flag === 1
}

function readList<Item>(decoder: decoding.Decoder, read: (decoder: decoding.Decoder) => Item): Item[] {
  const length = readUint(decoder)
  if (length > LOGS_PER_FRAME_MAX) throw new Error(`a list of ${length}`)
  const items: Item[] = []
  for (let i = 0; i < length; i++) items.push(read(decoder))
  return items
}

/** lib0's own reader answers numbers past 2^53 for a large last byte, and NaN after many continuation bytes. */
function readUint(decoder: decoding.Decoder): number {
  const value = decoding.readVarUint(decoder)
  if (!Number.isSafeInteger(value)) throw new Error('an integer past 2^53 - 1')
  return value
}
