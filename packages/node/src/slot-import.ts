import {
  type AdoptedEntry,
  type CounterKey,
  canonicalKey,
  type ReplicaId,
  type Table,
  TallymeshError,
} from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'
import type { EffectLoop } from './effect-loop.js'
import { type Host, nextTurn } from './host.js'
import type { ExportedSlot } from './slot-export.js'

/** What an import needs of the engine. */
export interface ImportOwner {
  readonly loop: EffectLoop
  readonly replica: Replica
  readonly refusal: TallymeshError | undefined
  counted(): Promise<void>
}

/** Slots that are looked at in one turn of the program. */
const SLOTS_PER_TURN = 2_048
/** Slots that one commit carries, at most: half of what fits, so that counts find room beside them. */
const SLOTS_PER_COMMIT = 1_024
const REPLICA = /^[1-9a-f][0-9a-f]{0,13}$/

/** Slots in columns. */
interface Checked {
  readonly keys: CounterKey[]
  readonly replicas: ReplicaId[]
  readonly p: number[]
  readonly n: number[]
}

/** Merges slots by maximum, one import at a time. */
export class SlotImport {
  #running = false

  constructor(
    readonly owner: ImportOwner,
    readonly host: Host,
  ) {}

  /** Checks all slots before the first is merged, then carries those that rise in commits of the own log.
   *  @returns how many rose, once they are durable
   *  @throws TallymeshError INVALID_NAME, INVALID_AMOUNT, INVALID_OPTION: nothing was merged. NOT_READY, NODE_CLOSED,
   *    INDETERMINATE: a part may have been; import the whole again */
  async run(slots: Iterable<ExportedSlot>): Promise<number> {
    if (this.#running) throw new TallymeshError('NOT_READY', 'another import is under way; try again when it is done')
    this.#running = true
    try {
      this.#checkReady()
      return await this.#merge(await this.#check(slots))
    } finally {
      this.#running = false
    }
  }

  async #check(slots: Iterable<ExportedSlot>): Promise<Checked> {
    const checked: Checked = { keys: [], replicas: [], p: [], n: [] }
    for (const slot of slots) {
      checkSlot(slot, checked, this.owner.replica.table)
      if (checked.keys.length % SLOTS_PER_TURN === 0) await nextTurn(this.host)
    }
    return checked
  }

  async #merge({ keys, replicas, p, n }: Checked): Promise<number> {
    let risen = 0
    let part = new Map<string, AdoptedEntry>()
    for (let i = 0; i < keys.length; i++) {
      const [key, replica] = [keys[i] as CounterKey, replicas[i] as ReplicaId]
      const entry: AdoptedEntry = { kind: 'adopted', replica, key, p: p[i] as number, n: n[i] as number }
      if (this.#rises(entry)) addTo(part, entry)
      if (part.size === SLOTS_PER_COMMIT || (i === keys.length - 1 && part.size > 0)) {
        risen += await this.#carry(part)
        part = new Map()
      } else if (i % SLOTS_PER_TURN === SLOTS_PER_TURN - 1) await nextTurn(this.host)
    }
    return risen
  }

  #rises({ replica, key, p, n }: AdoptedEntry): boolean {
    // The table of the moment: a disk that fails has it built anew.
    const { table } = this.owner.replica
    const id = table.findId(key)
    const known = id === undefined ? { p: 0, n: 0 } : table.slot(replica, id)
    return p > known.p || n > known.n
  }

  async #carry(part: ReadonlyMap<string, AdoptedEntry>): Promise<number> {
    this.#checkReady()
    this.owner.loop.step({ type: 'adopt', entries: [...part.values()] })
    await this.owner.counted()
    return part.size
  }

  #checkReady(): void {
    const { refusal } = this.owner
    if (!refusal) return
    throw new TallymeshError(refusal.code, `${refusal.message}. The import is not complete; repeat it`, {
      cause: refusal,
    })
  }
}

/** A slot that stands twice counts once, with the larger totals. */
function addTo(part: Map<string, AdoptedEntry>, entry: AdoptedEntry): void {
  const identity = `${entry.replica} ${entry.key}`
  const known = part.get(identity)
  const joined = { ...entry, p: Math.max(entry.p, known?.p ?? 0), n: Math.max(entry.n, known?.n ?? 0) }
  part.set(identity, joined)
}

/** @throws TallymeshError INVALID_NAME, INVALID_AMOUNT, INVALID_OPTION, naming the slot */
function checkSlot(slot: unknown, checked: Checked, table: Table): void {
  const which = `slot ${checked.keys.length + 1} of the import`
  if (typeof slot !== 'object' || slot === null) {
    throw new TallymeshError('INVALID_OPTION', `${which} is no object; nothing was imported`)
  }
  const { key, replica, increments, decrements } = slot as Partial<Record<keyof ExportedSlot, unknown>>
  const id = typeof replica === 'string' && REPLICA.test(replica) ? Number.parseInt(replica, 16) : Number.NaN
  if (!Number.isSafeInteger(id)) {
    const text = `${which} has the replica ${show(replica)}, not 1 to 2^53 - 1 in hexadecimal; nothing was imported`
    throw new TallymeshError('INVALID_OPTION', text)
  }
  checked.p.push(checkTotal(which, 'increments', increments))
  checked.n.push(checkTotal(which, 'decrements', decrements))
  checked.replicas.push(id as ReplicaId)
  checked.keys.push(checkKey(which, key, table))
}

function checkTotal(which: string, what: string, total: unknown): number {
  if (typeof total === 'number' && Number.isSafeInteger(total) && total >= 0) return total
  const text = `${which} has ${show(total)} ${what}, not an integer from 0 to 2^53 - 1; nothing was imported`
  throw new TallymeshError('INVALID_AMOUNT', text)
}

function checkKey(which: string, key: unknown, table: Table): CounterKey {
  if (typeof key !== 'string') {
    throw new TallymeshError('INVALID_NAME', `${which} has no counter key but ${show(key)}; nothing was imported`)
  }
  try {
    return table.findKey(key) ?? canonicalKey(key)
  } catch (cause) {
    const { message } = cause as Error
    throw new TallymeshError('INVALID_NAME', `${which}: ${message}; nothing was imported`, { cause })
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value)
}
