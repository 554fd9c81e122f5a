import type { CounterKey } from './counter-key.js'
import type { ReplicaId } from './ids.js'
import type { PackedTexts } from './packed-texts.js'

/** The slots of one replica, in columns. */
export interface ColumnCopy {
  readonly replica: ReplicaId
  /** The key id of each row. */
  readonly ids: Int32Array
  readonly p: Float64Array
  readonly n: Float64Array
}

/** One slot, with whose it is. */
export interface SnapshotSlot {
  readonly key: CounterKey
  readonly replica: ReplicaId
  readonly p: number
  readonly n: number
}

/** Rows that are looked at, and keys that are sorted, in one part of the ordering: one to three milliseconds each. */
const ROWS_PER_PART = 16_384
const KEYS_PER_RUN = 4_096

/** All slots of a table at one moment. First ordered, in parts that stall nobody; then read in the order of the keys. */
export class TableSnapshot {
  /** Where the slots of each key id begin in `#places`; one more than there are keys. */
  #starts = new Uint32Array(1)
  /** For each slot, its column and its row there. */
  #places = new Uint32Array(0)
  readonly #columns: readonly ColumnCopy[]
  /** Key ids in runs, each of them sorted. */
  readonly #runs: Int32Array[] = []
  readonly #keyCount: number

  /** @param texts the keys by their ids; those that are appended later do not matter */
  constructor(
    readonly texts: PackedTexts,
    columns: readonly ColumnCopy[],
  ) {
    this.#columns = [...columns].sort((a, b) => a.replica - b.replica)
    this.#keyCount = texts.size
  }

  /** Orders the slots; to be run to its end before they are read. Yields between parts of bounded work. */
  *order(): Generator<void, void, undefined> {
    const starts = new Uint32Array(this.#keyCount + 1)
    this.#starts = starts
    for (const { ids } of this.#columns) {
      for (let row = 0; row < ids.length; row++) {
        const next = (ids[row] as number) + 1
        starts[next] = (starts[next] as number) + 1
        if (row % ROWS_PER_PART === ROWS_PER_PART - 1) yield
      }
    }
    yield
    for (let id = 1; id < starts.length; id++) starts[id] = (starts[id] as number) + (starts[id - 1] as number)
    yield
    yield* this.#place()
    yield* this.#sort()
  }

  *[Symbol.iterator](): Generator<SnapshotSlot, void, undefined> {
    for (const { id, key } of mergeRuns(this.#runs, this.texts)) {
      for (let slot = this.#starts[id] as number; slot < (this.#starts[id + 1] as number); slot++) {
        const { replica, p, n } = this.#columns[this.#places[2 * slot] as number] as ColumnCopy
        const row = this.#places[2 * slot + 1] as number
        const found = { key: key as CounterKey, replica, p: p[row] as number, n: n[row] as number }
        if (found.p > 0 || found.n > 0) yield found
      }
    }
  }

  *#place(): Generator<void, void, undefined> {
    const next = this.#starts.slice()
    this.#places = new Uint32Array(2 * (next[this.#keyCount] as number))
    yield
    for (const [column, { ids }] of this.#columns.entries()) {
      for (let row = 0; row < ids.length; row++) {
        const id = ids[row] as number
        const slot = next[id] as number
        next[id] = slot + 1
        this.#places[2 * slot] = column
        this.#places[2 * slot + 1] = row
        if (row % ROWS_PER_PART === ROWS_PER_PART - 1) yield
      }
    }
    yield
  }

  *#sort(): Generator<void, void, undefined> {
    for (let from = 0; from < this.#keyCount; from += KEYS_PER_RUN) {
      this.#runs.push(this.texts.sorted(from, Math.min(from + KEYS_PER_RUN, this.#keyCount)))
      yield
    }
  }
}

/** A sorted run that is being read: the key that comes next. */
interface Reading {
  readonly ids: Int32Array
  at: number
  id: number
  key: string
}

/** The keys of sorted runs in order: a heap of the runs by their next keys. */
function* mergeRuns(runs: readonly Int32Array[], texts: PackedTexts): Generator<Readonly<Reading>, void, undefined> {
  const heap: Reading[] = []
  for (const ids of runs) {
    const id = ids[0] as number
    heap.push({ ids, at: 0, id, key: texts.text(id) })
    rise(heap)
  }
  for (let first = heap[0]; first; first = heap[0]) {
    yield first
    if (++first.at < first.ids.length) {
      first.id = first.ids[first.at] as number
      first.key = texts.text(first.id)
    } else {
      const last = heap.pop() as Reading
      if (heap.length > 0) heap[0] = last
    }
    sink(heap)
  }
}

/** Moves the last of a heap to its place. */
function rise(heap: Reading[]): void {
  for (let at = heap.length - 1; at > 0; ) {
    const parent = (at - 1) >>> 1
    if ((heap[parent] as Reading).key <= (heap[at] as Reading).key) return
    swap(heap, at, parent)
    at = parent
  }
}

/** Moves the first of a heap to its place. */
function sink(heap: Reading[]): void {
  for (let at = 0; ; ) {
    let smallest = at
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && (heap[child] as Reading).key < (heap[smallest] as Reading).key) smallest = child
    }
    if (smallest === at) return
    swap(heap, at, smallest)
    at = smallest
  }
}

function swap(heap: Reading[], a: number, b: number): void {
  const held = heap[a] as Reading
  heap[a] = heap[b] as Reading
  heap[b] = held
}
