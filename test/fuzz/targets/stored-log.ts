import { counterKey, replicaId, storeId } from '@tallymesh/crdt'
import { Replica } from '@tallymesh/replica'
import { mutateFrames, packFrames, unpackFrames } from '../frames.js'
import { LogSamples } from '../log-samples.js'
import { Prng } from '../prng.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

const LOG = replicaId(2 ** 52 + 7)

/** `Replica.load`: the records of a log as a disk gives them back. */
export const storedLog: Target = {
  name: 'stored-log',
  share: 600,
  codes: ['LOG_DAMAGED'],
  open: seed => new StoredLogTarget(seed),
}

class StoredLogTarget implements OpenTarget {
  readonly #samples: LogSamples

  constructor(seed: number) {
    this.#samples = new LogSamples(LOG, seed)
  }

  /** The first records of a log, or the last. */
  sample(prng: Prng): Uint8Array {
    const { updates, log } = this.#samples.real
    const head = { kind: 0, body: log.headUpdate() }
    if (prng.chance(0.2)) return packFrames([head, ...updates.slice(-60).map(body => ({ kind: 0, body }))])
    return packFrames(updates.slice(0, prng.int(30)).map(body => ({ kind: 0, body })))
  }

  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    return mutateFrames(bytes, prng, () => ({ kind: 0, body: this.#samples.update(prng) }))
  }

  feed(bytes: Uint8Array): Outcome {
    const options = { name: 'a', store: storeId('1'.repeat(32)), instance: '2'.repeat(32), urls: [], seeds: [] }
    const times = { lastNumber: 0, heartbeatMs: 1_000, antiEntropyMs: 1_000 }
    const replica = new Replica({ ...options, ...times, random: new Prng(1).next })
    const updates = unpackFrames(bytes).map(({ body }) => body)
    const damage = replica.load({ log: LOG, updates })
    const log = replica.room.logs.get(LOG)
    must((log === undefined) === (damage !== undefined), 'a damaged log is held, or a whole one is not')
    must(!log || log.doc.store.pendingStructs === null, 'Yjs holds pending structs')
    replica.start(damage ? undefined : LOG)
    replica.commits.increment(replica.cell(counterKey('orders')), 1)
    must(
      replica.step({ type: 'flush' }).some(({ type }) => type === 'persist'),
      'a node cannot count after it was loaded',
    )
    return damage?.code ?? 'accepted'
  }
}
