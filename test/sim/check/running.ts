import { showReplicaId } from '@tallymesh/crdt'
import type { NodeName } from '../plan/command.js'
import type { SimProcess } from '../sim-process.js'
import { Breach } from './breach.js'

/** What a running process must be like between any two events: a node at rest left no call unanswered, and no log holds
 *  anything across a gap. O(logs). @throws Breach */
export function checkProcess(name: NodeName, process: SimProcess): void {
  if (process.waiting > 0 && process.atRest) {
    throw new Breach(7, 'left-open', `${name} is at rest, and ${process.waiting} of its calls wait`)
  }
  for (const { id, doc } of process.replica.room.logs.values()) {
    if (!doc.store.pendingStructs && !doc.store.pendingDs) continue
    throw new Breach(6, 'pending', `${name} gave Yjs an update of log ${showReplicaId(id)} across a gap`)
  }
}
