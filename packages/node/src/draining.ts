import type { Commits, Replica } from '@tallymesh/replica'
import type { EffectLoop } from './effect-loop.js'
import { Elapsed } from './elapsed.js'
import type { Host } from './host.js'

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
export async function drain(engine: Drained, timeoutMs: number, host: Host): Promise<void> {
  const writing = new Elapsed(host)
  engine.loop.flushSoon()
  while (unwritten(engine) && !engine.failed && (!engine.loop.stopped || writing.ms < timeoutMs)) await pause(host)
  const confirming = new Elapsed(host)
  while (!engine.loop.stopped && confirming.ms < timeoutMs && lagging(engine)) await pause(host)
}

/** Whether own counts, or other entries of the own log, are not durable yet. Peers may go on to send theirs for as long as they like. */
export function unwritten({ commits, loop }: Pick<Drained, 'commits' | 'loop'>): boolean {
  return commits.pending || (commits.inFlight !== undefined && !loop.stopped)
}

function lagging({ replica }: Drained): boolean {
  for (const { state, lag } of replica.view()) if (state === 'up' && lag > 0) return true
  return false
}

export function pause(host: Host): Promise<void> {
  return new Promise(resolve => host.after(POLL_MS, resolve))
}
