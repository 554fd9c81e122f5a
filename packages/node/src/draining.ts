import type { Commits, Replica } from '@tallymesh/replica'
import type { EffectLoop } from './effect-loop.js'

const POLL_MS = 2

/** What counts, and is to be at rest. */
export interface Drained {
  readonly loop: EffectLoop
  readonly commits: Commits
  readonly replica: Replica
  /** It cannot go on. */
  readonly failed: boolean
}

/** Waits until everything counted is durable, and then until linked peers confirmed it. Peers, and a disk that failed and is
 *  being reopened, get `timeoutMs`; a disk that writes gets the time it takes. */
export async function drain(engine: Drained, timeoutMs: number): Promise<void> {
  let deadlineMs = performance.now() + timeoutMs
  engine.loop.flushSoon()
  while (unwritten(engine) && !engine.failed && (!engine.loop.stopped || performance.now() < deadlineMs)) await pause()
  deadlineMs = performance.now() + timeoutMs
  while (!engine.loop.stopped && performance.now() < deadlineMs && lagging(engine)) await pause()
}

/** Own counts only: peers may go on to send theirs for as long as they like. */
function unwritten({ commits, loop }: Drained): boolean {
  return commits.pending || (commits.inFlight !== undefined && !loop.stopped)
}

function lagging({ replica }: Drained): boolean {
  for (const { state, lag } of replica.view()) if (state === 'up' && lag > 0) return true
  return false
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, POLL_MS))
}
