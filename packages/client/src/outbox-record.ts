import { crc32 } from 'node:zlib'
import { TallymeshClientError } from './client-error.js'
import { type KeptOperation, type OutboxChange, parseKept } from './outbox.js'

/** The first line of the file. */
export const HEADER = 'tallymesh-outbox 1\n'
const ANY_HEADER = /^tallymesh-outbox (\d{1,9})$/
const LINE = /^([0-9a-f]{8}) (\{.*\})$/s

/** A change as a line: CRC-32 of the JSON in hex, a space, the JSON. */
export function encodeChange({ keep, drop }: OutboxChange): string {
  const json = JSON.stringify({ ...(keep.length > 0 ? { keep } : {}), ...(drop.length > 0 ? { drop } : {}) })
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

/** What a file says. */
export interface OutboxContent {
  readonly kept: ReadonlyMap<string, KeptOperation>
  /** Lines that cannot be read, a sentence each. */
  readonly damage: readonly string[]
  /** Where the last whole line ends, in bytes. What follows was being written when its process ended: it was not sent. */
  readonly end: number
}

/** Applies all lines that can be read.
 *  @param path of the file, for messages
 *  @throws TallymeshClientError OUTBOX_UNSUPPORTED */
export function readContent(bytes: Buffer, path: string): OutboxContent {
  const kept = new Map<string, KeptOperation>()
  const damage: string[] = []
  const end = bytes.lastIndexOf('\n') + 1
  const lines = bytes.subarray(0, end).toString().split('\n').slice(0, -1)
  for (const [i, line] of lines.entries()) {
    if (i === 0) {
      const version = ANY_HEADER.exec(line)?.[1]
      if (version === '1') continue
      if (version !== undefined) {
        const what = `${path} has format ${version}, which a later version of this client wrote`
        throw new TallymeshClientError('OUTBOX_UNSUPPORTED', what)
      }
      damage.push(`line 1 of ${path} is not that of an outbox`)
    }
    try {
      apply(decodeChange(line), kept)
    } catch (error) {
      if (i > 0) damage.push(`line ${i + 1} of ${path} cannot be read: ${(error as Error).message}`)
    }
  }
  if (end === 0) damage.push(`${path} has no whole line`)
  return { kept, damage, end }
}

function apply({ keep, drop }: OutboxChange, kept: Map<string, KeptOperation>): void {
  for (const operation of keep) kept.set(operation.id, operation)
  for (const id of drop) kept.delete(id)
}

function decodeChange(line: string): OutboxChange {
  const [, sum, json = ''] = LINE.exec(line) ?? []
  if (sum === undefined) throw new Error('it has another form')
  if (crc32(json) !== Number.parseInt(sum, 16)) throw new Error('its checksum is wrong')
  const { keep = [], drop = [] } = JSON.parse(json) as { keep?: unknown[]; drop?: unknown[] }
  return { keep: keep.map(parseKept), drop: drop.map(String) }
}
