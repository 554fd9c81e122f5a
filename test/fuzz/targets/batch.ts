import { type CounterKey, canonicalKey, decodeBatch, type Entry, replicaId, Table } from '@tallymesh/crdt'
import { batchIsSealed, sealBatch } from '../checksums.js'
import type { Prng } from '../prng.js'
import { anyCommit, samplesOf } from '../sample-entries.js'
import { writeLog } from '../sample-logs.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `decodeBatch`: the elements of a log. */
export const batch: Target = {
  name: 'batch',
  share: 3_000,
  codes: ['BATCH_DAMAGED', 'BATCH_UNSUPPORTED'],
  open: seed => new BatchTarget(seed),
}

class BatchTarget implements OpenTarget {
  readonly #samples: readonly Uint8Array[]
  readonly #known: Table

  constructor(seed: number) {
    const { elements, table } = writeLog(replicaId(77), samplesOf(anyCommit, 200, seed))
    this.#samples = elements
    this.#known = table
  }

  sample(prng: Prng): Uint8Array {
    return prng.pick(this.#samples)
  }

  repair(bytes: Uint8Array): Uint8Array {
    return sealBatch(bytes)
  }

  feed(bytes: Uint8Array): Outcome {
    const known = bytes.length % 2 === 0 ? this.#known : new Table()
    const result = decoded(() => decodeBatch(bytes, known))
    if ('code' in result) return result.code
    must(batchIsSealed(bytes), 'a batch whose checksum fails was taken')
    const { head, entries } = result.made
    must(Number.isSafeInteger(head) && head >= 0, `a batch has the head ${head}`)
    must(entries.length <= 1_024, `a batch has ${entries.length} entries`)
    for (const { entry } of entries) checkEntry(entry)
    return 'accepted'
  }
}

/** Every number and name of an entry is in its range. @throws Fault */
export function checkEntry(entry: Entry): void {
  if (entry.kind === 'adopted' || entry.kind === 'fork') {
    must(Number.isSafeInteger(entry.replica) && entry.replica >= 1, `an entry has the replica id ${entry.replica}`)
  }
  if (entry.kind === 'fence') {
    const { ids } = entry
    must(ids.length >= 1 && ids.length <= 256, `a fence names ${ids.length} ids`)
    must(
      ids.every((id, i) => Number.isSafeInteger(id) && id > (ids[i - 1] ?? 0)),
      'the ids of a fence do not ascend',
    )
  }
  if (entry.kind === 'slot' || entry.kind === 'adopted') {
    for (const total of [entry.p, entry.n]) {
      must(Number.isSafeInteger(total) && total >= 0, `an entry has the total ${total}`)
    }
    must(isCanonical(entry.key), `an entry has the key ${JSON.stringify(entry.key)}`)
  }
  if (entry.kind === 'removals') {
    const { ids } = entry
    must(ids.length >= 1 && ids.length <= 256, `a list names ${ids.length} removed stores`)
    must(
      ids.every((id, i) => /^[0-9a-f]{32}$/.test(id) && id > (ids[i - 1] ?? '')),
      'removed stores do not ascend',
    )
  }
  if (entry.kind === 'member') {
    must(/^[0-9a-f]{32}$/.test(entry.store), `a member has the store ${entry.store}`)
    must(entry.urls.length <= 8, `a member has ${entry.urls.length} URLs`)
    for (const text of [entry.name, ...entry.urls]) {
      must(text !== '' && !/[\p{Cc}\p{Cs}]/u.test(text), `a member has the text ${JSON.stringify(text)}`)
    }
  }
}

function isCanonical(key: CounterKey): boolean {
  return canonicalKey(key) === key
}
