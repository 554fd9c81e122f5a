import {
  decodeLogBatch,
  decodeLogUpdate,
  type Entry,
  type LedgerEntry,
  type ReplicaId,
  type ReplicaLog,
  type StoredLog,
  showReplicaId,
  type TakeStoredSlot,
  TallymeshError,
} from '@tallymesh/crdt'

export interface LogDamage {
  readonly reason: string
  /** Up to which clock it is known what the log absorbed. */
  readonly absorbedClock: number
}

/** Replays what a store holds of a log into an empty one, and hands out its entries. Answers what is wrong, if something is: then
 *  all entries that can still be read are handed out, and the log itself is of no use.
 *  @param takeSlot takes slots of the log's own replica
 *  @param take takes other entries; what is salvaged from damage, slots too */
export function replayStored(
  log: ReplicaLog,
  stored: StoredLog,
  takeSlot: TakeStoredSlot,
  take: (entry: Entry) => void,
): LogDamage | undefined {
  let { damage } = stored
  let absorbedClock = 0
  for (const update of stored.updates) {
    try {
      const entries = log.replay(update, takeSlot)
      for (const entry of entries) take(entry)
      if (entries.some(isAbsorbed)) absorbedClock = log.clock
    } catch (error) {
      damage ??= error instanceof Error ? error.message : String(error)
      absorbedClock = Math.max(absorbedClock, salvage(log, update, take))
    }
  }
  return damage === undefined ? undefined : { reason: damage, absorbedClock }
}

/** Totals only rise: every batch that can be read may count. Answers the clock behind the last of them that absorbed something. */
function salvage(log: ReplicaLog, bytes: Uint8Array, take: (entry: Entry) => void): number {
  const { deletedTo, elements } = attempt(() => decodeLogUpdate(log.id, bytes)) ?? { deletedTo: 0, elements: [] }
  let absorbedClock = 0
  for (const [i, element] of elements.entries()) {
    const { entries = [] } = attempt(() => decodeLogBatch(log.id, element, log.known)) ?? {}
    for (const { entry } of entries) take(entry)
    if (entries.some(({ entry }) => isAbsorbed(entry))) absorbedClock = deletedTo + i + 1
  }
  return absorbedClock
}

function isAbsorbed({ kind }: Entry): boolean {
  return kind === 'absorbed'
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Of what can still be read of a damaged log, what may act: no operation, for the log may have settled it, and everybody forgotten
 *  that, where it cannot be read. Lost rather than counted twice. */
export function undoubted(said: readonly LedgerEntry[]): LedgerEntry[] {
  return said.filter(({ kind }) => kind !== 'operation')
}

/** What an operator is told of a log that cannot be read as a whole. */
export function logDamaged(log: ReplicaId, damage: string): TallymeshError {
  const text = `log ${showReplicaId(log)} is damaged: ${damage}. What it said is kept; it is fetched afresh from a peer`
  return new TallymeshError('LOG_DAMAGED', text)
}
