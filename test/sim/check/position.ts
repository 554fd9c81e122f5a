import type { ReplicaId } from '@tallymesh/crdt'

/** How far a log goes. */
export interface Mark {
  readonly log: ReplicaId
  readonly clock: number
}

/** Where a node's acknowledged commits end, the newest id last. */
export function parsePosition(position: string): readonly Mark[] {
  if (position === '') return []
  return position.split(',').map(part => {
    const [id = '', clock] = part.split(':')
    return { log: Number.parseInt(id, 16) as ReplicaId, clock: Number(clock) }
  })
}

/** Reads positions; the one that came last from a node is read once. */
export class Positions {
  readonly #last = new Map<string, { readonly position: string; readonly marks: readonly Mark[] }>()

  marksOf(node: string, position: string): readonly Mark[] {
    const last = this.#last.get(node)
    if (last?.position === position) return last.marks
    const marks = parsePosition(position)
    this.#last.set(node, { position, marks })
    return marks
  }
}
