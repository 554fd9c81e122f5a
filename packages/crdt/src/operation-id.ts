import { TallymeshError } from './errors.js'
import type { Random } from './ids.js'

/** Names an operation: 128 bits, as 32 lower-case hexadecimal digits. */
export type OperationId = string & { readonly __brand: 'OperationId' }

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const TIME_MS_MAX = 2 ** 48 - 1

/** Reads a UUID, with or without its hyphens. @throws TallymeshError INVALID_OPERATION */
export function operationId(text: unknown): OperationId {
  if (typeof text === 'string' && UUID.test(text)) return text.replaceAll('-', '').toLowerCase() as OperationId
  const given = typeof text === 'string' ? JSON.stringify(text.slice(0, 80)) : String(text)
  throw new TallymeshError('INVALID_OPERATION', `an operation id must be a UUID, got ${given}; nothing was counted`)
}

/** The id as a UUID is written: with hyphens. */
export function showOperationId(id: OperationId): string {
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-')
}

/** When the id was made, in ms since 1970, where it says so: a UUID of version 7 (RFC 9562, 5.7). */
export function operationTimeMs(id: OperationId): number | undefined {
  const variant = id.charCodeAt(16)
  // The variant is 10 in binary: the digits 8, 9, a and b.
  const standard = variant === 0x38 || variant === 0x39 || variant === 0x61 || variant === 0x62
  return id[12] === '7' && standard ? Number.parseInt(id.slice(0, 12), 16) : undefined
}

/** A new UUID of version 7: its time, and 74 random bits.
 *  @param nowMs ms since 1970 */
export function freshOperationId(nowMs: number, random: Random): OperationId {
  const digits = (count: number, value: number) => Math.floor(value).toString(16).padStart(count, '0').slice(-count)
  const time = digits(12, Math.min(TIME_MS_MAX, Math.max(0, nowMs)))
  const variant = digits(4, 0x8000 + random() * 0x4000)
  const tail = digits(6, random() * 0x1000000) + digits(6, random() * 0x1000000)
  return `${time}7${digits(3, random() * 0x1000)}${variant}${tail}` as OperationId
}
