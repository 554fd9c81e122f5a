import {
  countsBytes,
  OPERATION_BYTES_MAX,
  OPERATION_COUNTS_MAX,
  type OperationCount,
  type OperationId,
  showOperationId,
  TallymeshError,
} from '@tallymesh/crdt'

/** @throws TallymeshError OPERATION_TOO_LARGE */
export function checkSize(id: OperationId, counts: readonly OperationCount[]): void {
  // One key always fits.
  if (counts.length === 1) return
  if (counts.length <= OPERATION_COUNTS_MAX && countsBytes(counts) <= OPERATION_BYTES_MAX) return
  const text =
    `operation ${showOperationId(id)} counts on ${counts.length} keys; an operation takes up to ${OPERATION_COUNTS_MAX} keys ` +
    `of ${OPERATION_BYTES_MAX / 1024} KiB together. Nothing was counted: split it`
  throw new TallymeshError('OPERATION_TOO_LARGE', text)
}

export function mismatch(id: OperationId): TallymeshError {
  const text = `operation ${showOperationId(id)} was used with other counts before; nothing was counted. Use a fresh id`
  return new TallymeshError('OPERATION_MISMATCH', text)
}

export function full(open: number, known: number): TallymeshError {
  const text =
    `this node remembers ${known} operations, ${open} of which are not settled, and takes no more; nothing was counted. ` +
    'While a member is away nothing settles: bring it back, or remove it'
  return new TallymeshError('OPERATIONS_FULL', text)
}

export function unavailable(): TallymeshError {
  const text =
    'this node takes no operations yet: every member of the room, and every seed, has to know of it first; nothing was ' +
    'counted. Bring back, or remove, the members that are away; another node may take it'
  return new TallymeshError('OPERATIONS_UNAVAILABLE', text)
}
