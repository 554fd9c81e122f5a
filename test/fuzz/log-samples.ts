import { decodeLogUpdate, type Entry, type ReplicaId, replicaId } from '@tallymesh/crdt'
import { sealBatch } from './checksums.js'
import { mutate } from './mutate.js'
import { Prng } from './prng.js'
import { anyCommit, samplesOf } from './sample-entries.js'
import { busyCommits, encodeUpdate, type SampleLog, writeLog } from './sample-logs.js'

const CLOCKS = [0, 1, 2, 5, 127, 128, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 48 + 1, Number.MAX_SAFE_INTEGER]

/** Updates that reach a log: real ones, real ones of another history, and ones that nobody writes. */
export class LogSamples {
  /** What the victim knows: the log up to somewhere in its middle. */
  readonly known: readonly Uint8Array[]
  /** The same as one update: it loads faster. */
  readonly knownAtOnce: Uint8Array
  readonly real: SampleLog
  readonly #rival: SampleLog

  constructor(
    readonly id: ReplicaId,
    seed: number,
    variedCommits = 24,
  ) {
    const varied = samplesOf(anyCommit, variedCommits, seed)
    const busy = busyCommits(slots(varied), 150)
    this.real = writeLog(id, [...varied, ...busy])
    const half = Math.floor(this.real.updates.length / 2)
    this.known = this.real.updates.slice(0, half)
    const known = writeLog(id, [], this.known).log
    this.knownAtOnce = known.diff(0, Number.MAX_SAFE_INTEGER).bytes
    // The same past, and then another one under the same id.
    const past = this.known.slice(0, half - Prng.of(seed, 'rival', 0).int(3))
    this.#rival = writeLog(id, samplesOf(anyCommit, 12, seed + 1), past)
  }

  update(prng: Prng): Uint8Array {
    const source = prng.chance(0.75) ? this.real : this.#rival
    const way = prng.int(10)
    if (way < 3) return prng.pick(source.updates)
    // What follows next is what is most often taken.
    if (way < 5) return source.updates[this.known.length + prng.int(2)] ?? prng.pick(source.updates)
    if (way < 7) return prng.pick(source.diffs)
    if (way === 7) return source.log.diff(prng.int(source.log.clock + 1), prng.pick([100, 1_000, 40_000])).bytes
    return way === 8 ? this.#altered(prng) : this.#tampered(source, prng)
  }

  /** What follows next, saying something else under a checksum that holds: of an entry, the head, or the digest. */
  #altered(prng: Prng): Uint8Array {
    const next = this.real.updates[this.known.length] as Uint8Array
    const { clock, elements } = decodeLogUpdate(this.id, next)
    const element = (elements[0] as Uint8Array).slice()
    if (prng.chance(0.5)) {
      const at = element.length - 12 + prng.int(8)
      element[at] = (element[at] as number) ^ (1 << prng.int(8))
    }
    const altered = prng.chance(0.5) ? element : mutate(element, prng, () => element)
    return encodeUpdate(this.id, { clock, deleted: 0, elements: [sealBatch(altered)], deletes: undefined })
  }

  /** Real batches, some of them damaged under a checksum that holds, in an update that nobody wrote. */
  #tampered(source: SampleLog, prng: Prng): Uint8Array {
    const elements = Array.from({ length: prng.int(4) }, () => {
      const element = prng.pick(source.elements)
      return prng.chance(0.5) ? element : sealBatch(mutate(element, prng, () => prng.pick(source.elements)))
    })
    const clock = () => (prng.chance(0.6) ? prng.int(source.log.clock + 2) : prng.pick(CLOCKS))
    return encodeUpdate(prng.chance(0.9) ? this.id : replicaId(prng.pick([1, 5, Number.MAX_SAFE_INTEGER])), {
      clock: clock(),
      deleted: prng.chance(0.6) ? 0 : clock(),
      elements,
      deletes: prng.chance(0.5) ? undefined : { from: prng.chance(0.7) ? 0 : clock(), length: clock() },
    })
  }
}

/** The slots among the entries of commits. */
export function slots(commits: readonly (readonly Entry[])[]): Entry[] {
  return commits.flat().filter(({ kind }) => kind === 'slot')
}
