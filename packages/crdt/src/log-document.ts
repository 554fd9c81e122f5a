import * as Y from 'yjs'
import type { ReplicaId } from './ids.js'
import { logRoot } from './log-update.js'

/** The Yjs document of a log: its replica is the one client, and each batch one element of the one root array. */
export class LogDocument {
  readonly doc: Y.Doc

  constructor(readonly id: ReplicaId) {
    this.doc = new Y.Doc({ guid: logRoot(id) })
    // Nothing is ever written under the document's own client id, so that own and foreign updates take the same way in.
    this.doc.clientID = 0
    this.doc.getArray(logRoot(id))
  }

  /** In the order of their clocks, without gaps. */
  get structs(): ReadonlyArray<Y.Item | Y.GC> {
    return this.doc.store.clients.get(this.id) ?? []
  }

  /** The batch at a clock that is not past the end; undefined where it is deleted. */
  held(clock: number): Uint8Array | undefined {
    const struct = this.#at(clock)
    return struct instanceof Y.Item && struct.content instanceof Y.ContentBinary ? struct.content.content : undefined
  }

  /** The first clock from `clock` on that holds a batch, or `end`. */
  nextHeld(clock: number, end: number): number {
    let next = clock
    while (next < end && !this.held(next)) {
      const { id, length } = this.#at(next)
      next = id.clock + length
    }
    return next
  }

  #at(clock: number): Y.Item | Y.GC {
    const { structs } = this
    return structs[Y.findIndexSS(structs as Y.Item[], clock)] as Y.Item | Y.GC
  }
}
