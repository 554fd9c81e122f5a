import { TallymeshError } from '@tallymesh/crdt'
import { type Drained, pause, unwritten } from './draining.js'
import { Elapsed } from './elapsed.js'
import type { Host } from './host.js'

const NAMED_MAX = 5
/** Peers get so long at least to learn of a removal that is written. */
const LEARN_MS_MIN = 2_000
const IN_DOUBT = 'Where the others still show this node as a member, remove it there'

/** A node that goes for good. */
export interface Leaver {
  readonly engine: Drained
  readonly host: Host
  /** Somebody closes it. */
  readonly closing: () => boolean
  /** A peer learned that this node is out of the room, and none is linked any more. */
  readonly known: () => boolean
}

/** Takes a node that counts no more out of the room: resolves once every other member held durably what it knows, the removal is
 *  durable, and a peer knows of it. It is to be closed then, whatever came of it.
 *  @throws TallymeshError LEAVE_TIMEOUT, LEAVE_REFUSED where nobody stays, NODE_CLOSED once it is closed, NOT_READY where it failed */
export async function leaveRoom(leaver: Leaver, timeoutMs: number): Promise<void> {
  const { engine, host } = leaver
  const elapsed = new Elapsed(host)
  try {
    while (!isWritten(engine)) {
      check(leaver)
      const { leaving } = engine.replica
      if (leaving.state !== 'removed' && leaving.lastOnes) throw refused('no other member stays')
      if (elapsed.ms >= timeoutMs) throw late(engine, timeoutMs)
      // After a failed write the replica is another one. Its own counts come first: they are in what the others confirm.
      if (leaving.state === 'member' && !unwritten(engine)) engine.loop.step({ type: 'leave' })
      else engine.loop.flushSoon()
      await pause(host)
    }
  } catch (error) {
    // Closing takes a moment, in which the others may confirm after all.
    engine.replica.leaving.cancel()
    throw error
  }
  const learnMs = Math.max(timeoutMs, elapsed.ms + LEARN_MS_MIN)
  while (!leaver.known() && elapsed.ms < learnMs) {
    check(leaver)
    await pause(host)
  }
  if (leaver.known()) return
  const text =
    'everything is held by the others, and this store is not to be used any more; but no peer confirmed that it knows'
  throw new TallymeshError('LEAVE_TIMEOUT', `${text} of it. ${IN_DOUBT}`)
}

/** Why a node cannot leave that was not asked to before; undefined where it can. */
export function leaveRefusal({ replica }: Pick<Drained, 'replica'>): TallymeshError | undefined {
  return replica.leaving.lastOnes ? refused('no other member stays') : undefined
}

function isWritten(engine: Drained): boolean {
  return engine.replica.leaving.state === 'removed' && !unwritten(engine) && !engine.loop.stopped
}

function check({ engine, closing }: Leaver): void {
  const when = engine.replica.leaving.state === 'removed' ? `while it left. ${IN_DOUBT}` : 'before it had left'
  if (closing()) throw new TallymeshError('NODE_CLOSED', `the node was closed ${when}; nothing is lost`)
  if (engine.failed) throw new TallymeshError('NOT_READY', `the node failed ${when}; nothing is lost`)
}

function refused(why: string): TallymeshError {
  return new TallymeshError('LEAVE_REFUSED', `${why}: a room keeps its last member. This node is still one`)
}

function late({ replica }: Drained, timeoutMs: number): TallymeshError {
  if (replica.leaving.state === 'removed') {
    return new TallymeshError('LEAVE_TIMEOUT', `the disk did not take it in ${timeoutMs} ms. ${IN_DOUBT}`)
  }
  const missing = [...replica.leaving.missing()].map(({ name, store, state }) => `${name || store} (${state})`)
  const names = [...missing, ...replica.members.unreached.map(url => `whoever is at ${url} (never reached)`)]
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''
  const who = names.length > 0 ? names.slice(0, NAMED_MAX).join(', ') + more : 'this disk'
  const text = `the node closed and is still a member: after ${timeoutMs} ms not all is held durably by ${who}`
  const advice = 'Start it again and let it leave once they are up, or first remove those that are gone for good'
  return new TallymeshError('LEAVE_TIMEOUT', `${text}. ${advice}; nothing is lost`)
}
