/// <reference lib="dom" />
import { refuse, TallymeshClientError } from './client-error.js'
import { newOperationId } from './operation.js'
import { type KeptOperation, type LeftBehind, type Outbox, type OutboxChange, parseKept } from './outbox.js'

const STORE = 'operations'

/** As it is stored: with the client, of all pages, whose it is. */
interface OwnedOperation extends KeptOperation {
  readonly owner: string
}

/** An outbox in IndexedDB, for browsers. Pages of one origin may use the same at the same time: each has its own part of it, and a client that
 *  starts takes over the parts of those that are gone. Needs Web Locks, which pages have by HTTPS and on localhost.
 *  @param name of the database */
export function indexedDbOutbox(name: string): Outbox {
  return new IndexedDbOutbox(name)
}

class IndexedDbOutbox implements Outbox {
  readonly #name: string
  #owner = ''
  #db: IDBDatabase | undefined
  /** Lets go of the locks that are held. */
  readonly #releases: Array<() => void> = []

  constructor(name: string) {
    this.#name = name
  }

  async open(): Promise<LeftBehind> {
    if (this.#db !== undefined) throw refuse('OUTBOX_LOCKED', `another client has the outbox ${this.#name} open`)
    if (globalThis.indexedDB === undefined || globalThis.navigator?.locks === undefined) {
      throw refuse(
        'OUTBOX_FAILED',
        'there is no IndexedDB, or no Web Locks, which need HTTPS or localhost; nothing was sent',
      )
    }
    const owner = newOperationId()
    try {
      this.#db = await openDatabase(this.#name)
      await this.#hold(owner)
      this.#owner = owner
      const owners = new Set((await this.#all()).map(record => record.owner))
      const held = new Set<unknown>()
      for (const each of owners) if (await this.#hold(String(each))) held.add(each)
      // Read again: while its lock was not held here, another page may have sent and dropped what was there.
      return parseAll((await this.#all()).filter(record => held.has(record.owner)))
    } catch (cause) {
      await this.close()
      throw failure('opened', cause)
    }
  }

  /** Answers whether this client has the part of that owner to itself now, until it closes or its page ends. */
  #hold(owner: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const held = (lock: Lock | null): Promise<void> | undefined => {
        resolve(lock !== null)
        return lock === null ? undefined : new Promise(release => this.#releases.push(release))
      }
      navigator.locks.request(`tallymesh-outbox ${this.#name} ${owner}`, { ifAvailable: true }, held).catch(reject)
    })
  }

  async #all(): Promise<OwnedOperation[]> {
    return await finished((this.#db as IDBDatabase).transaction(STORE).objectStore(STORE).getAll())
  }

  commit({ keep, drop, lazy }: OutboxChange): Promise<void> {
    return new Promise((resolve, reject) => {
      try {
        if (this.#db === undefined) throw new Error('it is closed')
        const transaction = this.#db.transaction(STORE, 'readwrite', { durability: lazy ? 'relaxed' : 'strict' })
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(failure('written', transaction.error ?? 'it was aborted'))
        const store = transaction.objectStore(STORE)
        for (const operation of keep) store.put({ ...operation, owner: this.#owner } satisfies OwnedOperation)
        for (const id of drop) store.delete(id)
      } catch (cause) {
        reject(failure('written', cause))
      }
    })
  }

  async close(): Promise<void> {
    // Waits for its transactions.
    this.#db?.close()
    this.#db = undefined
    for (const release of this.#releases.splice(0)) release()
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' })
  return finished(request)
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function parseAll(records: readonly OwnedOperation[]): LeftBehind {
  const operations: KeptOperation[] = []
  const damage: string[] = []
  for (const record of records) {
    try {
      operations.push(parseKept(record))
    } catch (error) {
      damage.push(`record ${String(record.id)} cannot be read: ${(error as Error).message}`)
    }
  }
  return { operations, damage }
}

function failure(verb: 'opened' | 'written', cause: unknown): TallymeshClientError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TallymeshClientError('OUTBOX_FAILED', `the outbox cannot be ${verb} (${reason}); nothing was sent`, {
    cause,
  })
}
