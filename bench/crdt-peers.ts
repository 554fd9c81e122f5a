import * as Automerge from '@automerge/automerge'
import { LoroCounter, LoroDoc } from 'loro-crdt'
import * as Y from 'yjs'

/** Counters of a document of another library: each commit counts on some of them, and answers the bytes that go to a peer. */
export interface CrdtPeer {
  readonly what: string
  /** Adds 1 to each of these counters, in one commit. Answers its update, as that library hands it to a network. */
  commit(keys: readonly string[]): Uint8Array
  /** The whole document, as one would store it. */
  encode(): Uint8Array
  /** Loads what `encode` answered, up to where values can be read. */
  load(bytes: Uint8Array): unknown
  /** How many elements its history has, where the library tells. */
  structs?(): number
}

/** What people write first: a shared map whose values are read, raised and written back. Nodes that count the same counter at
 *  once lose counts: it is no PN-counter. */
export class YjsOverwritten implements CrdtPeer {
  readonly what: string = 'Y.Map, read and overwritten'
  readonly #doc = new Y.Doc()
  readonly #map = this.#doc.getMap<number>('counters')
  #update: Uint8Array = new Uint8Array()

  constructor() {
    this.#doc.on('update', (update: Uint8Array) => {
      this.#update = update
    })
  }

  commit(keys: readonly string[]): Uint8Array {
    this.#doc.transact(() => {
      for (const key of keys) this.#map.set(key, (this.#map.get(key) ?? 0) + 1)
    })
    return this.#update
  }

  encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc)
  }

  load(bytes: Uint8Array): unknown {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, bytes)
    return doc
  }

  structs(): number {
    return [...this.#doc.store.clients.values()].reduce((sum, list) => sum + list.length, 0)
  }
}

/** The same with a key for each node, so that nobody overwrites another's count; a value is the sum over nodes. */
export class YjsOwnKeys extends YjsOverwritten {
  override readonly what: string = 'Y.Map, a key for each node'

  override commit(keys: readonly string[]): Uint8Array {
    return super.commit(keys.map(key => `${key}/api-1`))
  }
}

export class AutomergeCounters implements CrdtPeer {
  readonly what = 'Automerge Counter'
  #doc: Automerge.Doc<{ counters: Record<string, Automerge.Counter> }>

  constructor(keys: readonly string[]) {
    const counters = Object.fromEntries(keys.map(key => [key, new Automerge.Counter(0)]))
    this.#doc = Automerge.from({ counters })
  }

  commit(keys: readonly string[]): Uint8Array {
    this.#doc = Automerge.change(this.#doc, ({ counters }) => {
      for (const key of keys) counters[key]?.increment(1)
    })
    return Automerge.getLastLocalChange(this.#doc) ?? new Uint8Array()
  }

  encode(): Uint8Array {
    return Automerge.save(this.#doc)
  }

  load(bytes: Uint8Array): unknown {
    return Automerge.load(bytes)
  }
}

export class LoroCounters implements CrdtPeer {
  readonly what = 'Loro counter'
  readonly #doc = new LoroDoc()
  readonly #counters = new Map<string, LoroCounter>()

  constructor(keys: readonly string[]) {
    const map = this.#doc.getMap('counters')
    for (const key of keys) this.#counters.set(key, map.setContainer(key, new LoroCounter()))
    this.#doc.commit()
  }

  commit(keys: readonly string[]): Uint8Array {
    const from = this.#doc.version()
    for (const key of keys) this.#counters.get(key)?.increment(1)
    this.#doc.commit()
    return this.#doc.export({ mode: 'update', from })
  }

  encode(): Uint8Array {
    return this.#doc.export({ mode: 'snapshot' })
  }

  load(bytes: Uint8Array): unknown {
    const doc = LoroDoc.fromSnapshot(bytes)
    return doc.getMap('counters').size
  }
}
