import type { Cursor } from './cursor.js'

const DELETED = 1
const HAS_ORIGIN = 0x80

/** The clock behind the last element of a Yjs update of one log; 0 where it has none. Only the first item can stand for several. */
export function updateEnd(cursor: Cursor): number {
  if (cursor.uint() === 0) return 0
  const structs = cursor.uint()
  cursor.uint()
  const clock = cursor.uint()
  const info = cursor.byte()
  if ((info & 0x1f) !== DELETED) return clock + structs
  if ((info & HAS_ORIGIN) !== 0) {
    cursor.uint()
    cursor.uint()
  } else {
    cursor.uint()
    cursor.skip(cursor.uint())
  }
  return clock + cursor.uint() + structs - 1
}
