import { TallymeshError } from './errors.js'

/** The identity that a node counts under: an integer from 1 to 2^53 − 1, the Yjs clientID of its log. */
export type ReplicaId = number & { readonly __brand: 'ReplicaId' }

/** The random 128-bit name of a data directory, as 32 lower-case hexadecimal digits. */
export type StoreId = string & { readonly __brand: 'StoreId' }

/** A source of uniform numbers in [0, 1) with 53 random bits, such as `Math.random` is in form. */
export type Random = () => number

export function replicaId(value: number): ReplicaId {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new TallymeshError('INVALID_OPTION', `a replica id must be an integer from 1 to 2^53 - 1, got ${value}`)
  }
  return value as ReplicaId
}

export function storeId(text: string): StoreId {
  if (!/^[0-9a-f]{32}$/.test(text)) {
    throw new TallymeshError('INVALID_OPTION', `a store id must be 32 hexadecimal digits, got ${JSON.stringify(text)}`)
  }
  return text as StoreId
}

/** A replica id that nobody has used: 53 random bits. */
export function freshReplicaId(random: Random): ReplicaId {
  for (;;) {
    const value = Math.floor(random() * 2 ** 53)
    if (value > 0) return value as ReplicaId
  }
}

/** How a replica id is shown to people, and named in paths: hexadecimal. */
export function showReplicaId(id: ReplicaId): string {
  return id.toString(16)
}
