import type { TallymeshClientError } from '@tallymesh/client'
import type { TallymeshError } from '@tallymesh/crdt'

// Told by their names: their classes would load the client, Yjs and all, for commands that need neither.

/** An error of a node, a store or a server in this process. */
export function isTallymeshError(error: unknown): error is TallymeshError {
  return error instanceof Error && error.name === 'TallymeshError'
}

/** An error of the client: what a server answered, or that none did. */
export function isClientError(error: unknown): error is TallymeshClientError {
  return error instanceof Error && error.name === 'TallymeshClientError'
}
