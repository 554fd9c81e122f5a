import { randomFillSync } from 'node:crypto'
import { freshOperationId, showOperationId } from '@tallymesh/crdt'

/** Drawn at once: asking the operating system for each would cost more than all the rest. A process that is set back to an earlier
 *  memory repeats some of them, with other times. */
const words = new Uint32Array(1024)
let next = words.length

/** A fresh id for an operation: a UUID of version 7, which carries the time it was made. */
export function newOperationId(): string {
  return showOperationId(freshOperationId(Date.now(), random))
}

function random(): number {
  if (next === words.length) {
    randomFillSync(words)
    next = 0
  }
  return (words[next++] as number) / 2 ** 32
}
