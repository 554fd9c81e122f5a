import type { Addition } from './addition.js'
import type { BatchSize } from './batch.js'
import { refuse, TallymeshClientError } from './client-error.js'
import { given } from './given.js'

/** Counts under one id: however often they are sent, and to whichever servers, they count once. */
export interface Operation {
  readonly id: string
  /** What it counts. The same for every attempt: a server refuses an id that comes back with other counts. */
  readonly additions: readonly Addition[]
  /** Whether earlier calls may have sent it: then no refusal proves that it is not counted. */
  readonly again: boolean
  /** By this machine's clock, in ms since 1970. */
  readonly madeAtMs: number
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const utf8 = new TextEncoder()

/** What a server takes in one operation: 24 KiB, as it writes them. Of each key its text, the length of that, and two sums, seven bits to a
 *  byte. */
export const OPERATION_SIZE: BatchSize = {
  max: 24 * 1024 - 4,
  ofKey: key => utf8.encode(key).length + 2 + 2,
  ofSum: sum => {
    let more = 0
    for (let rest = sum; rest > 0x7f; rest = Math.floor(rest / 0x80)) more++
    return more
  },
}

/** A fresh operation id: a UUID of version 7 (RFC 9562, 5.7), which carries the time by this machine's clock. */
export function newOperationId(): string {
  // Pages without TLS have no randomUUID.
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(10))
  const time = Math.max(0, Date.now()).toString(16).padStart(12, '0')
  const tail = Array.from(bytes, (byte, i) => {
    // The first digit is the version, the fifth begins with the variant, 10 in binary.
    const kept = i === 0 ? (byte & 0x0f) | 0x70 : i === 2 ? (byte & 0x3f) | 0x80 : byte
    return kept.toString(16).padStart(2, '0')
  }).join('')
  return [time.slice(0, 8), time.slice(8), tail.slice(0, 4), tail.slice(4, 8), tail.slice(8)].join('-')
}

/** @throws TallymeshClientError INVALID_OPTION */
export function checkOperation(id: unknown): string | undefined {
  if (id === undefined || (typeof id === 'string' && UUID.test(id))) return id
  throw refuse('INVALID_OPTION', `operation must be a UUID, got ${given(id)}; nothing was sent`)
}

/** When an id was made, in ms since 1970 by the clock of who made it; now, where the id does not say. */
export function madeAtMs(id: string): number {
  return UUID.exec(id)?.[1] === '7' ? Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) : Date.now()
}

/** How long ago that was, in ms by this machine's clock; 0 where it was in the future. */
export function ageMs({ madeAtMs }: Pick<Operation, 'madeAtMs'>): number {
  return Math.max(0, Date.now() - madeAtMs)
}

/** The error that ends a call, with what is needed to try the operation again.
 *  @param doubt whether an attempt, in this call or before it, may have counted */
export function endedBy(
  error: TallymeshClientError,
  operation: Operation | undefined,
  doubt: boolean,
): TallymeshClientError {
  if (operation === undefined) return error
  const { message, status, url, node, cause } = error
  const doubtful = doubt && error.counted === false
  return new TallymeshClientError(
    doubtful && error.code === 'ABORTED' ? 'INDETERMINATE' : error.code,
    doubtful ? `${message}. That was the last attempt: an earlier one may have been counted` : message,
    {
      counted: doubtful ? 'perhaps' : error.counted,
      ...(status === undefined ? {} : { status }),
      ...(url === undefined ? {} : { url }),
      ...{ node, operation: operation.id, additions: operation.additions },
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
