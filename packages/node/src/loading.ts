import { type CommitMark, TallymeshError } from '@tallymesh/crdt'
import { decideIdentity, Replica } from '@tallymesh/replica'
import type { EffectLoop } from './effect-loop.js'
import type { EngineOptions } from './engine-options.js'

/** A replica that holds what the store holds, and the last own commit that may be known outside. */
export interface Loaded {
  readonly replica: Replica
  readonly lastMark: CommitMark | undefined
}

/** Builds a replica from the store.
 *  @param old the loop whose disk failed: what it counted and never put in a batch is carried over
 *  @throws TallymeshError STORE_CORRUPT unless the node may repair */
export async function loadReplica(options: EngineOptions, old: EffectLoop | undefined): Promise<Loaded> {
  const { store, witness, repair, events } = options
  const replica = new Replica({ ...options.replica, lastNumber: store.lastCommit?.number ?? 0 })
  let clean = store.damage.length === 0
  for await (const stored of store.load()) {
    const damage = replica.load(stored)
    if (!damage) continue
    clean = false
    if (!repair) throw new TallymeshError('STORE_CORRUPT', `${damage.message}. Open with repair: true to do so`)
    events.report(damage)
  }
  if (old) replica.commits.adoptCells(old.replica.commits.cells(), old.replica.commits.open)
  const reading = witness.read()
  const witnessed = old?.lastMark ?? (reading.state === 'whole' ? reading.record : undefined)
  const verdict = decideIdentity({
    witness: witnessed,
    held: witness.held || old?.lastMark !== undefined,
    clean,
    stored: store.lastCommit,
  })
  if (verdict.report) events.report(verdict.report)
  replica.start(verdict.resume)
  if (old) replica.takeOver(old.replica.commits.extras())
  // A crash may have kept the last commit from the witness; peers learn of that commit as soon as they link.
  if (verdict.resume !== undefined && store.lastCommit) witness.write(store.lastCommit)
  // What is resumed may reach peers before the next commit: a later reopening must not find the disk older than this.
  return { replica, lastMark: verdict.resume === undefined ? old?.lastMark : store.lastCommit }
}
