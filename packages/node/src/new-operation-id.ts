import { freshOperationId, showOperationId } from '@tallymesh/crdt'
import { cryptoRandom } from './random.js'

/** A fresh id for an operation: a UUID of version 7, which carries the time it was made. */
export function newOperationId(): string {
  return showOperationId(freshOperationId(Date.now(), cryptoRandom))
}
