import { crc32 } from 'node:zlib'
import type { StoreId } from '@tallymesh/crdt'
import { checkFormat, STORE_FORMAT } from './meta.js'

/** The file that says to people and programs whose directory this is. */
export interface Marker {
  readonly store: StoreId
  readonly room: string
}

const NOTE = 'A data directory of tallymesh. Do not edit, copy or move its files while a node runs.'

export function formatMarker({ store, room }: Marker): string {
  const text = { format: STORE_FORMAT, store, room, note: NOTE, check: checkOf(STORE_FORMAT, store, room) }
  return `${JSON.stringify(text, undefined, 2)}\n`
}

/** Undefined where the text is damaged.
 *  @throws TallymeshError STORE_UNSUPPORTED */
export function parseMarker(text: string): Marker | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { format, store, room, check } = value as { [name: string]: unknown }
  if (typeof format !== 'number') return undefined
  checkFormat(format, 'the file tallymesh.json')
  if (typeof store !== 'string' || typeof room !== 'string' || check !== checkOf(format, store, room)) return undefined
  return { store: store as StoreId, room }
}

function checkOf(format: number, store: string, room: string): string {
  return crc32(JSON.stringify([format, store, room]))
    .toString(16)
    .padStart(8, '0')
}
