import { createHash } from 'node:crypto'
import type { ExportedSlot } from 'tallymesh'

export const EXPORT_FORMAT = 'tallymesh-export'
export const EXPORT_VERSION = 1

/** Text that is sent at a time. */
const CHUNK_CHARACTERS = 64 * 1024

/** The first line of an export. */
export interface ExportHead {
  readonly format: typeof EXPORT_FORMAT
  readonly version: typeof EXPORT_VERSION
  readonly room: string
  readonly node: string
  /** When it was taken, as ISO 8601. */
  readonly at: string
}

/** An export as text, a part at a time: whoever reads slowly holds one part in memory. */
export function* exportText(
  { room, node, at }: Pick<ExportHead, 'room' | 'node' | 'at'>,
  slots: Iterable<ExportedSlot>,
): IterableIterator<string> {
  const head: ExportHead = { format: EXPORT_FORMAT, version: EXPORT_VERSION, room, node, at }
  yield `${JSON.stringify(head)}\n`
  const hash = createHash('sha256')
  let count = 0
  let text = ''
  for (const { key, replica, increments, decrements } of slots) {
    text += `${JSON.stringify({ key, replica, increments, decrements })}\n`
    count++
    if (text.length < CHUNK_CHARACTERS) continue
    hash.update(text)
    yield text
    text = ''
  }
  hash.update(text)
  yield `${text}${JSON.stringify({ end: true, slots: count, sha256: hash.digest('hex') })}\n`
}
