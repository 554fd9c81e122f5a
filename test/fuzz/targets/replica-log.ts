import { type CheckedUpdate, type Entry, ReplicaLog, replicaId, Table } from '@tallymesh/crdt'
import { LogSamples } from '../log-samples.js'
import type { Prng } from '../prng.js'
import { claimsOf, ids, type Slots, slotsOf, unraised } from '../slots.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'
import { checkEntry } from './batch.js'

const LOG = replicaId(2 ** 52 + 7)

/** `ReplicaLog.check` and `apply`: a log that holds a half of its history meets updates. */
export const replicaLog: Target = {
  name: 'replica-log',
  share: 2_000,
  codes: ['UPDATE_REFUSED', 'BATCH_DAMAGED', 'BATCH_UNSUPPORTED'],
  open: seed => new ReplicaLogTarget(seed),
}

/** A log with what it says. */
interface Victim {
  readonly log: ReplicaLog
  readonly table: Table
  readonly state: string
  readonly slots: Slots
}

class ReplicaLogTarget implements OpenTarget {
  readonly #samples: LogSamples
  #victim: Victim | undefined

  constructor(seed: number) {
    this.#samples = new LogSamples(LOG, seed)
  }

  sample(prng: Prng): Uint8Array {
    return this.#samples.update(prng)
  }

  feed(bytes: Uint8Array): Outcome {
    const victim = (this.#victim ??= this.#load())
    const { log, state } = victim
    const result = decoded(() => log.check(bytes))
    must(stateOf(log) === state, 'a check changed its log')
    if ('code' in result) return result.code
    const verdict = result.made
    if (verdict.verdict === 'diverged') for (const entry of verdict.entries) checkEntry(entry)
    if (verdict.verdict === 'gap') must(verdict.from === log.clock, `a gap is asked for from ${verdict.from}`)
    if (verdict.verdict === 'new') this.#apply(victim, verdict)
    return 'accepted'
  }

  #load(): Victim {
    const table = new Table()
    const log = new ReplicaLog(LOG, table)
    for (const update of this.#samples.known) for (const entry of log.replay(update)) table.mergeEntry(LOG, entry)
    return { log, table, state: stateOf(log), slots: slotsOf(table) }
  }

  #apply({ log, table, slots }: Victim, checked: CheckedUpdate): void {
    this.#victim = undefined
    const [clock, head] = [log.clock, log.head]
    const entries: Entry[] = []
    log.apply(checked, entry => void entries.push(entry))
    must(log.clock > clock || log.head > head, 'an update was new and brought nothing')
    must(log.clock >= clock && log.head >= head, 'an update took the log back')
    must(log.doc.store.pendingStructs === null && log.doc.store.pendingDs === null, 'Yjs holds pending structs')
    const last = checked.batches.at(-1)
    if (last && log.complete) must(log.digest.equals(last.digest), 'a log differs from its digest')
    must(
      ids(log.doc).every(id => id === LOG),
      `the document has the clients ${ids(log.doc)}`,
    )
    for (const entry of entries) {
      checkEntry(entry)
      table.mergeEntry(LOG, entry)
    }
    const fallen = unraised(slots, slotsOf(table), claimsOf(LOG, entries))
    must(fallen === undefined, `${fallen}`)
  }
}

function stateOf(log: ReplicaLog): string {
  const { clock, head, tip, complete, structs, live, digest } = log
  return `${clock} ${head} ${tip} ${complete} ${structs} ${live.size} ${digest}`
}
