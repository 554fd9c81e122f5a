import { type CommitMark, TallymeshError } from '@tallymesh/crdt'
import { decideIdentity, Replica, takeOverRoom } from '@tallymesh/replica'
import type { WitnessPort } from '@tallymesh/store'
import type { EffectLoop } from './effect-loop.js'
import type { EngineOptions } from './engine-options.js'

/** A replica that holds what the store holds, and is not started. */
export interface Loaded {
  readonly replica: Replica
  /** Whether neither the store nor a log is damaged. */
  readonly clean: boolean
}

/** Builds a replica from the store.
 *  @param old the loop whose disk failed
 *  @throws TallymeshError STORE_CORRUPT unless the node may repair */
export async function loadReplica(
  { replica: options, store, witness, repair, events }: EngineOptions,
  old: EffectLoop | undefined,
): Promise<Loaded> {
  // A repaired store may have lost its last commit's record. Numbers that began anew would not show an older disk for what it is.
  const lastNumber = Math.max(store.lastCommit?.number ?? 0, witnessedMark(witness, old)?.number ?? 0)
  const replica = new Replica({ ...options, lastNumber })
  let clean = store.damage.length === 0
  for await (const stored of store.load()) {
    const damage = replica.load(stored)
    if (!damage) continue
    clean = false
    if (!repair) throw new TallymeshError('STORE_CORRUPT', `${damage.message}. Open with repair: true to do so`)
    events.report(damage)
  }
  return { replica, clean }
}

/** Decides under which id a loaded replica goes on. The caller puts it in the place of the old one in the same turn: the cells
 *  that it takes over know their keys' places in its table only.
 *  @param old the loop whose disk failed: what it counted and did not make durable is carried over
 *  @returns the last own commit that may be known outside */
export function startReplica(
  { replica, clean }: Loaded,
  { store, witness, events }: EngineOptions,
  old: EffectLoop | undefined,
): CommitMark | undefined {
  const witnessed = witnessedMark(witness, old)
  const verdict = decideIdentity({
    witness: witnessed,
    held: witness.held || old?.lastMark !== undefined,
    clean,
    stored: store.lastCommit,
  })
  if (verdict.report) events.report(verdict.report)
  replica.start(verdict.resume)
  // A crash may have kept the last commit from the witness; peers learn of that commit as soon as they link.
  if (verdict.resume !== undefined && store.lastCommit) witness.write(store.lastCommit)
  if (old) takeOver(replica, old.replica)
  // What is resumed may reach peers before the next commit: a later reopening must not find the disk older than this.
  return verdict.resume === undefined ? old?.lastMark : store.lastCommit
}

/** The last own commit that may be known outside, as far as this machine knows. */
function witnessedMark(witness: WitnessPort, old: EffectLoop | undefined): CommitMark | undefined {
  const reading = witness.read()
  return old?.lastMark ?? (reading.state === 'whole' ? reading.record : undefined)
}

/** What a replica knew that the disk did not take, the commit in flight included: its peers do not know of it, and no value that was
 *  read falls. An id that it knew to be forked is not gone on with. The cells come last: what they add on top depends on all that
 *  came before, and can be taken over only once. */
function takeOver(replica: Replica, old: Replica): void {
  const { inFlight, open } = old.commits
  for (const log of old.room.forked) {
    if (!replica.room.forked.has(log)) replica.diverged(log, 'this node met both before its disk failed', [])
  }
  for (const name of old.members.copies) replica.members.copies.add(name)
  takeOverRoom(replica.room, old.room, [old.commits.replica, inFlight?.replica])
  replica.takeOver([...(inFlight?.entries ?? []), ...old.commits.extra.values()])
  replica.commits.adoptCells(old.commits.cells(), open, inFlight)
}
