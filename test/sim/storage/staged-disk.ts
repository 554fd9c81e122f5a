import { counterKey, LogWriter, type ReplicaId, ReplicaLog, replicaId, type StoredLog, Table } from '@tallymesh/crdt'
import type { Store, StoreWrite } from '@tallymesh/store'
import { drawsOf } from '../draw.js'
import { VirtualTime } from '../virtual-time.js'
import { SimDisk } from './sim-disk.js'
import { SimStore, type StoreHooks } from './sim-store.js'

export const LOG = replicaId(0x9f3)
export const OTHER = replicaId(0xa01)
/** More than any write here takes, ms of virtual time. */
export const LONG_MS = 60_000

/** One simulated disk, with the time in which it lives. */
export class StagedDisk {
  readonly time: VirtualTime
  disk: SimDisk

  constructor(readonly seed: number) {
    const draw = drawsOf(seed)
    this.time = new VirtualTime(draw)
    this.disk = new SimDisk({ time: this.time, draw, name: 'disk a 1', syncMs: [1, 5] })
  }

  open(hooks: StoreHooks = {}, repair = false): SimStore {
    return new SimStore(this.disk, { room: 'sim', repair, hooks })
  }

  /** Lets so much virtual time pass, with turns for what waits on promises. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.time.nowMs + ms
    do await turn()
    while (this.time.step(untilMs))
  }

  /** What `promise` ends with, within a long virtual time: `ok`, the code that it fails with, or `nothing` where it never ends. */
  async outcome(promise: Promise<unknown>): Promise<string> {
    const watched = watch(promise)
    await this.pass(LONG_MS)
    return watched.outcome
  }
}

/** How a promise ended so far. */
export function watch(promise: Promise<unknown>): { readonly outcome: string } {
  const watched = { outcome: 'nothing' }
  promise.then(
    () => {
      watched.outcome = 'ok'
    },
    (error: { code?: string; message: string }) => {
      watched.outcome = error.code ?? error.message
    },
  )
  return watched
}

/** Commits that a real log makes: each counts once more on one key. */
export class StagedLog {
  readonly #writer: LogWriter
  #number = 0

  constructor(readonly log: ReplicaId = LOG) {
    this.#writer = new LogWriter(new ReplicaLog(log, new Table()))
  }

  next(): StoreWrite {
    const number = ++this.#number
    const { log } = this.#writer
    const before = log.tip ?? 0
    const { bytes, clock } = this.#writer.append([{ kind: 'slot', key: counterKey('orders'), p: number, n: 0 }])
    const commit = { number, replica: this.log, clock: log.clock, tip: log.tip ?? 0, before }
    return { logs: [{ log: this.log, append: { clock, update: bytes } }], commit }
  }
}

/** All that a store holds. */
export async function loaded(store: Store): Promise<StoredLog[]> {
  const logs: StoredLog[] = []
  for await (const log of store.load()) logs.push(log)
  return logs
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
