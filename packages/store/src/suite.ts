import { type CommitMark, type ReplicaId, replicaId, TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Store, StoreWrite } from './store.js'

/** A store under test, new and empty. */
export interface StoreFixture {
  readonly store: Store
  /** Opens what the store left behind, as the next process would; called after `store.close()`. */
  reopenFresh(): Promise<Store>
  /** Makes the next write fail, if the backend can be made to. */
  failNextWrite?(): void
  /** Removes everything; called when all stores are closed. */
  cleanup(): Promise<void>
}

export interface StoreSuiteOptions {
  readonly name: string
  open(): Promise<StoreFixture>
}

type Check = (fixture: StoreFixture) => Promise<void>

const A = replicaId(0x9f3)
const B = replicaId(2 ** 53 - 1)

/** The contract of `Store` as a uvu suite: `storeSuite({ name, open }).run()`. */
export function storeSuite({ name, open }: StoreSuiteOptions): ReturnType<typeof suite> {
  const test = suite(`store contract: ${name}`)
  for (const [title, check] of Object.entries(CHECKS)) {
    test(title, async () => {
      const fixture = await open()
      try {
        await check(fixture)
      } finally {
        await fixture.store.close()
        await fixture.cleanup()
      }
    })
  }
  return test
}

const CHECKS: Record<string, Check> = {
  'a new store is created, whole and empty': async ({ store }) => {
    assert.match(store.id, /^[0-9a-f]{32}$/)
    assert.is(store.created, true)
    assert.is(store.lastCommit, undefined)
    assert.equal(store.damage, [])
    assert.equal(await content(store), {})
  },

  'what was written is there for the next process': async ({ store, reopenFresh }) => {
    const commit = { number: 1, replica: A, clock: 3, tip: 2 ** 32 - 1, before: 7 }
    await store.write({ ...append(A, 0, 'a0', B, 5, 'b5'), commit })
    await store.write(append(A, 3, 'a3'))
    assert.equal(store.lastCommit, commit)
    await store.close()
    await reopened(reopenFresh, async next => {
      assert.is(next.id, store.id)
      assert.is(next.created, false)
      assert.equal(next.lastCommit, commit)
      assert.equal(await content(next), { [A]: ['a0', 'a3'], [B]: ['b5'] })
    })
  },

  'writes of one moment are applied in the order of the calls': async ({ store, reopenFresh }) => {
    const writes = Array.from({ length: 200 }, (_, clock) =>
      store.write({ ...append(A, clock, `a${clock}`), commit: markAt(clock, clock + 1) }),
    )
    await Promise.all(writes)
    await store.close()
    await reopened(reopenFresh, async next => {
      assert.equal(await content(next), { [A]: Array.from({ length: 200 }, (_, clock) => `a${clock}`) })
      assert.is(next.lastCommit?.number, 199)
    })
  },

  'a moved head replaces the records that lie below it': async ({ store, reopenFresh }) => {
    for (const clock of [0, 2, 4, 6]) await store.write(append(A, clock, `a${clock}`))
    await store.write(head(A, 5, 'h5'))
    assert.equal(await content(store), { [A]: ['h5', 'a4', 'a6'] })
    await store.write({
      logs: [{ log: A, append: { clock: 8, update: bytes('a8') }, head: { clock: 8, update: bytes('h8') } }],
    })
    await store.close()
    await reopened(reopenFresh, async next => {
      assert.equal(await content(next), { [A]: ['h8', 'a8'] })
      await next.write(head(A, 100, 'h100'))
      assert.equal(await content(next), { [A]: ['h100', 'a8'] }, 'the end of the last record is not known: it stays')
    })
  },

  'a moving head keeps the records bounded': async ({ store }) => {
    for (let clock = 0; clock < 500; clock++) {
      const update = bytes(`a${clock}`)
      await store.write({
        logs: [{ log: A, append: { clock, update }, head: { clock: Math.max(0, clock - 9), update } }],
      })
    }
    assert.is((await content(store))[A]?.length, 11)
  },

  'a dropped log is gone, and may begin again': async ({ store, reopenFresh }) => {
    await store.write(append(A, 0, 'a0', A, 4, 'a4', B, 0, 'b0'))
    await store.write(head(A, 1, 'h1'))
    await store.write({
      logs: [
        { log: A, drop: true },
        { log: replicaId(5), drop: true },
      ],
    })
    assert.equal(await content(store), { [B]: ['b0'] })
    await store.write({ logs: [{ log: B, drop: true, append: { clock: 0, update: bytes('new') } }] })
    await store.close()
    await reopened(reopenFresh, async next => assert.equal(await content(next), { [B]: ['new'] }))
  },

  'a record that does not ascend is refused whole, and later writes go on': async ({ store }) => {
    await store.write(append(A, 4, 'a4'))
    for (const bad of [append(A, 4, 'x'), append(A, 3, 'x'), append(A, 5, 'x', A, 5, 'x'), append(A, -1, 'x')]) {
      const write = { ...bad, logs: [...append(B, 0, 'b0').logs, ...bad.logs] }
      assert.is(await codeOf(store.write(write)), 'INVALID_OPTION')
    }
    assert.is(await codeOf(store.write(head(A, 0.5, 'x'))), 'INVALID_OPTION')
    assert.is(
      await codeOf(store.write({ logs: [{ log: A, append: { clock: 9, update: 'x' as never } }] })),
      'INVALID_OPTION',
    )
    await store.write(append(A, 5, 'a5'))
    assert.equal(await content(store), { [A]: ['a4', 'a5'] })
  },

  'a log may have any clocks up to 2^53 - 1': async ({ store, reopenFresh }) => {
    const clocks = [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 11 * 2 ** 31 + 7, 2 ** 53 - 1]
    for (const clock of clocks) await store.write(append(B, clock, `${clock}`))
    await store.write(head(B, 1, 'head'))
    await store.close()
    await reopened(reopenFresh, async next => {
      assert.equal(await content(next), { [B]: ['head', ...clocks.map(String)] })
      await next.write(head(B, 2 ** 33, 'later'))
      assert.equal(await content(next), { [B]: ['later', `${2 ** 32}`, `${11 * 2 ** 31 + 7}`, `${2 ** 53 - 1}`] })
    })
  },

  'load shows one moment': async ({ store }) => {
    await store.write(append(A, 0, 'a0', B, 0, 'b0'))
    const seen: string[] = []
    for await (const { updates } of store.load()) {
      seen.push(...updates.map(text))
      await store.write(append(A, seen.length, 'later', B, seen.length, 'later'))
    }
    assert.equal(seen.sort(), ['a0', 'b0'])
    assert.is((await content(store))[B]?.length, 3)
  },

  'large and empty updates are kept': async ({ store, reopenFresh }) => {
    const large = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) & 0xff)
    await store.write({
      logs: [
        { log: A, append: { clock: 0, update: large } },
        { log: B, append: { clock: 0, update: bytes('') } },
      ],
    })
    await store.close()
    await reopened(reopenFresh, async next => {
      const logs = new Map<ReplicaId, readonly Uint8Array[]>()
      for await (const { log, updates } of next.load()) logs.set(log, updates)
      assert.is(Buffer.compare(logs.get(A)?.[0] as Uint8Array, large), 0)
      assert.is(logs.get(B)?.[0]?.length, 0)
    })
  },

  'a closed store refuses, and closing again is nothing': async ({ store, reopenFresh }) => {
    const last = store.write(append(A, 0, 'a0'))
    await Promise.all([store.close(), store.close(), last])
    await store.close()
    assert.is(await codeOf(store.write(append(A, 1, 'a1'))), 'STORE_CLOSED')
    assert.is(await codeOf(content(store)), 'STORE_CLOSED')
    assert.is(await codeOf(store.reopen()), 'STORE_CLOSED')
    await reopened(reopenFresh, async next => assert.equal(await content(next), { [A]: ['a0'] }))
  },

  'closing ends a load under way': async ({ store }) => {
    await store.write(append(A, 0, 'a0', B, 0, 'b0'))
    const load = store.load()[Symbol.asyncIterator]()
    await load.next()
    await store.close()
    assert.is(await codeOf(Promise.resolve(load.next())), 'STORE_CLOSED')
  },

  'a store is open once': async ({ reopenFresh }) => {
    assert.is(await codeOf(reopenFresh()), 'STORE_LOCKED')
  },

  'reopening keeps what is durable': async ({ store }) => {
    await store.write({ ...append(A, 0, 'a0'), commit: markAt(7, 1) })
    await Promise.all([store.reopen(), store.reopen()])
    assert.is(store.lastCommit?.number, 7)
    assert.equal(await content(store), { [A]: ['a0'] })
    await store.write(append(A, 1, 'a1'))
    assert.equal(await content(store), { [A]: ['a0', 'a1'] })
  },

  'after a failed write everything is refused until the store is reopened': async fixture => {
    const { store } = fixture
    if (!fixture.failNextWrite) return
    await store.write({ ...append(A, 0, 'a0'), commit: markAt(1, 1) })
    fixture.failNextWrite()
    const codes = await Promise.all([codeOf(store.write(append(A, 1, 'x'))), codeOf(store.write(append(B, 0, 'x')))])
    assert.equal(codes, ['STORE_WRITE_FAILED', 'STORE_WRITE_FAILED'])
    assert.is(await codeOf(store.write(append(B, 0, 'x'))), 'STORE_WRITE_FAILED')
    assert.is(await codeOf(content(store)), 'STORE_WRITE_FAILED')
    await store.reopen()
    assert.is(store.lastCommit?.number, 1)
    assert.equal(await content(store), { [A]: ['a0'] })
    await store.write(append(A, 1, 'a1'))
    assert.equal(await content(store), { [A]: ['a0', 'a1'] })
  },
}

/** One write that appends records, given as (log, clock, text) in turn. */
function append(...parts: (ReplicaId | number | string)[]): StoreWrite {
  const logs = []
  for (let at = 0; at < parts.length; at += 3) {
    const [log, clock, update] = parts.slice(at, at + 3) as [ReplicaId, number, string]
    logs.push({ log, append: { clock, update: bytes(update) } })
  }
  return { logs }
}

function markAt(number: number, clock: number): CommitMark {
  return { number, replica: A, clock, tip: number + 1, before: number }
}

function head(log: ReplicaId, clock: number, update: string): StoreWrite {
  return { logs: [{ log, head: { clock, update: bytes(update) } }] }
}

async function content(store: Store): Promise<Record<number, string[]>> {
  const found: Record<number, string[]> = {}
  for await (const { log, updates, damage } of store.load()) {
    assert.is(damage, undefined)
    found[log] = updates.map(text)
  }
  return found
}

async function reopened(open: () => Promise<Store>, check: (store: Store) => Promise<void>): Promise<void> {
  const store = await open()
  try {
    await check(store)
  } finally {
    await store.close()
  }
}

/** The code that `promise` fails with, or `none`. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    if (error instanceof TallymeshError) return error.code
    throw error
  }
}

const bytes = (value: string): Uint8Array => Buffer.from(value)
const text = (value: Uint8Array): string => Buffer.from(value).toString()
