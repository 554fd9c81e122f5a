import type { ReplicaId } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'

/** How far a log goes. */
export interface Mark {
  readonly log: ReplicaId
  readonly clock: number
}

interface Last {
  readonly position: string
  /** What the position begins with, where it names one log. */
  readonly only: string | undefined
  readonly marks: readonly Mark[]
}

const NOTHING: Last = { position: '', only: undefined, marks: [] }

/** Reads where nodes' acknowledged commits end. Most say the same as before, or name the same log. */
export class Positions {
  readonly #last = new Map<NodeName, Last>()

  /** The newest id comes last. */
  marksOf(node: NodeName, position: string): readonly Mark[] {
    const last = this.#last.get(node) ?? NOTHING
    if (last.position === position) return last.marks
    const { only } = last
    const [mark] = last.marks
    const same = mark !== undefined && only !== undefined && position.startsWith(only) && !position.includes(',')
    const marks = same ? [{ log: mark.log, clock: Number(position.slice(only.length)) }] : parsePosition(position)
    const first = same ? only : marks.length === 1 ? position.slice(0, position.indexOf(':') + 1) : undefined
    this.#last.set(node, { position, only: first, marks })
    return marks
  }
}

function parsePosition(position: string): readonly Mark[] {
  if (position === '') return []
  return position.split(',').map(part => {
    const [id = '', clock] = part.split(':')
    return { log: Number.parseInt(id, 16) as ReplicaId, clock: Number(clock) }
  })
}
