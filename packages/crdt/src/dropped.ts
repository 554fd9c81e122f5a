import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { CounterKey } from './counter-key.js'
import { TallymeshError } from './errors.js'
import { readHex, writeHex } from './hex.js'
import { type ReplicaId, replicaId, type StoreId, storeId } from './ids.js'
import { type OperationId, operationIn, readOperationId, writeOperationId } from './operation-id.js'
import { writeText } from './text.js'
import { readUint } from './uint.js'

/** What a log may say no longer. */
export type Dropped =
  | { readonly operation: OperationId }
  | { readonly settlement: number }
  | { readonly claim: ReplicaId }
  | { readonly fold: ReplicaId; readonly number: number }
  | { readonly requires: ReplicaId }
  | { readonly adopted: ReplicaId; readonly key: CounterKey }
  | { readonly fork: ReplicaId }
  | { readonly member: StoreId }

/** The identity of an entry that may be dropped. */
export function droppedIdentity(of: Dropped): string {
  if ('adopted' in of) return `\u0001${of.adopted}\u0001${of.key}`
  if ('fork' in of) return `\u0003${of.fork}`
  if ('member' in of) return `\u0002${of.member}`
  if ('operation' in of) return of.operation
  if ('settlement' in of) return `\u0005${of.settlement}`
  if ('requires' in of) return `\u0007${of.requires}`
  if ('claim' in of) return `\u000c${of.claim}`
  return `\u000f${of.fold}\u000f${of.number}`
}

/** What an identity names, if a log may drop it. */
export function droppable(identity: string): Dropped | undefined {
  const operation = operationIn(identity)
  if (operation !== undefined) return { operation }
  const said = identity.slice(1)
  switch (identity[0]) {
    case '\u0001': {
      const end = said.indexOf('\u0001')
      return { adopted: Number(said.slice(0, end)) as ReplicaId, key: said.slice(end + 1) as CounterKey }
    }
    case '\u0002':
      return { member: said as StoreId }
    case '\u0003':
      return { fork: Number(said) as ReplicaId }
    case '\u0005':
      return { settlement: Number(said) }
    case '\u0007':
      return { requires: Number(said) as ReplicaId }
    case '\u000c':
      return { claim: Number(said) as ReplicaId }
    case '\u000f': {
      const [fold, number] = said.split('\u000f').map(Number) as [ReplicaId, number]
      return { fold, number }
    }
    default:
      return undefined
  }
}

/** The numbers that say what is dropped. */
const DROPPED = { operation: 0, settlement: 1, claim: 2, fold: 3, requires: 4, adopted: 5, fork: 6, member: 7 } as const

export function writeDropped(encoder: encoding.Encoder, of: Dropped): void {
  const number = (kind: keyof typeof DROPPED, value: number) => {
    encoding.writeUint8(encoder, DROPPED[kind])
    encoding.writeVarUint(encoder, value)
  }
  if ('operation' in of) {
    encoding.writeUint8(encoder, DROPPED.operation)
    writeOperationId(encoder, of.operation)
  } else if ('member' in of) {
    encoding.writeUint8(encoder, DROPPED.member)
    writeHex(encoder, of.member)
  } else if ('settlement' in of) number('settlement', of.settlement)
  else if ('claim' in of) number('claim', of.claim)
  else if ('requires' in of) number('requires', of.requires)
  else if ('fork' in of) number('fork', of.fork)
  else if ('fold' in of) {
    number('fold', of.fold)
    encoding.writeVarUint(encoder, of.number)
  } else {
    number('adopted', of.adopted)
    writeText(encoder, of.key)
  }
}

/** @throws any error where it is damaged */
export function readDropped(decoder: decoding.Decoder, readKey: () => CounterKey): Dropped {
  const kind = decoding.readUint8(decoder)
  switch (kind) {
    case DROPPED.operation:
      return { operation: readOperationId(decoder) }
    case DROPPED.settlement:
      return { settlement: readUint(decoder) }
    case DROPPED.claim:
      return { claim: readReplica(decoder) }
    case DROPPED.fold:
      return { fold: readReplica(decoder), number: readUint(decoder) }
    case DROPPED.requires:
      return { requires: readReplica(decoder) }
    case DROPPED.adopted:
      return { adopted: readReplica(decoder), key: readKey() }
    case DROPPED.fork:
      return { fork: readReplica(decoder) }
    case DROPPED.member:
      return { member: storeId(readHex(decoder)) }
    default:
      throw new TallymeshError('BATCH_DAMAGED', `an entry drops something of the unknown kind ${kind}`)
  }
}

export function readReplica(decoder: decoding.Decoder): ReplicaId {
  return replicaId(readUint(decoder))
}
