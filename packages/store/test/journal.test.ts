import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openLevelStore, type Store } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyEncoding } from 'y-leveldb'
import { Database } from '../src/database.js'
import { DurableLevel } from '../src/durable-level.js'
import { Journal } from '../src/journal.js'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { FAST, temporary } from './temporary.js'

const COMMITS = 90
const test = suite<{ dir: string; db: string; remove(): void }>('the journal of a LevelDB store')
test.before.each(async context => {
  const { path, remove } = temporary(FAST)
  context.dir = join(path, 'data')
  context.db = join(context.dir, 'db')
  context.remove = remove
  await write(context.dir, 1, COMMITS / 3)
  await write(context.dir, COMMITS / 3 + 1, COMMITS)
})
test.after.each(context => {
  Reflect.deleteProperty(DurableLevel.prototype, '_open')
  context.remove()
})

const open = (dir: string, options: object = {}): Promise<Store> => openLevelStore({ dir, room: 'shop', ...options })

async function write(dir: string, from: number, to: number): Promise<void> {
  const store = await open(dir)
  for (let number = from; number <= to; number++) await store.write(commitOf(number))
  await store.close()
}

async function checkWhole(dir: string, last = COMMITS): Promise<void> {
  const store = await open(dir)
  try {
    assert.equal(store.damage, [])
    assert.is(store.lastCommit?.number, last)
    assert.ok(sameContent((await contentOf(store)).logs, contentAfter(last)))
  } finally {
    await store.close()
  }
}

const logsOf = (db: string) => readdirSync(db).filter(name => name.endsWith('.log'))

/** Runs the one or the other around LevelDB's opening of the database in `db`, once. */
function aroundOpening(db: string, { before, after }: { before?: () => void; after?: () => void }): { met: boolean } {
  const outcome = { met: false }
  const inherited = Reflect.get(DurableLevel.prototype, '_open') as (options: object) => Promise<void>
  Object.defineProperty(DurableLevel.prototype, '_open', {
    configurable: true,
    async value(this: DurableLevel, options: object) {
      const meant = this.location === db && !outcome.met
      outcome.met ||= meant
      if (meant) before?.()
      await inherited.call(this, options)
      if (meant) after?.()
    },
  })
  return outcome
}

/** Lets LevelDB fail to open some logs, all of them if none are named, as a disk does that fails for a moment. */
function skipping(db: string, names?: readonly string[]): { met: boolean } {
  return aroundOpening(db, {
    before() {
      for (const name of names ?? logsOf(db)) {
        rmSync(join(db, name))
        symlinkSync(name, join(db, name))
      }
    },
  })
}

/** Makes two logs of the one, as a crash leaves them while LevelDB turns the first into a table. */
function splitLog(db: string): [string, string] {
  const [first] = logsOf(db) as [string]
  const bytes = readFileSync(join(db, first))
  assert.ok(bytes.length < 32 * 1024, 'every record lies in the first block, so it may be moved')
  let at = 0
  while (at < bytes.length / 2) at += 7 + bytes.readUInt16LE(at + 4)
  const second = String(Number.parseInt(first, 10) + 50)
    .padStart(6, '0')
    .concat('.log')
  writeFileSync(join(db, first), bytes.subarray(0, at))
  writeFileSync(join(db, second), bytes.subarray(at))
  return [first, second]
}

test('LevelDB by itself loses a log that it cannot open, and says nothing', async ({ dir, db }) => {
  const [name] = logsOf(db) as [string]
  skipping(db)
  const options = {
    keyEncoding,
    valueEncoding: { encode: (value: Uint8Array) => value, decode: (value: Uint8Array) => value },
  }
  const level = new DurableLevel(db, options)
  await level.open()
  await level.close()
  assert.not.ok(readdirSync(db).includes(name))
  const store = await open(dir)
  assert.equal(store.damage, [])
  assert.is(store.lastCommit?.number, COMMITS / 3)
  await store.close()
})

test('a log that LevelDB skips is written again when a store is opened', async ({ dir, db }) => {
  const skipped = skipping(db)
  await checkWhole(dir)
  assert.ok(skipped.met)
  const [name] = logsOf(db) as [string]
  // As every batch: so a log that a power failure cut off is told from a damaged one.
  assert.is(readFileSync(join(db, name)).subarray(-8).toString(), 'tally.ok')
  await checkWhole(dir)
})

for (const [what, which] of [
  ['the first', [0]],
  ['the second', [1]],
  ['both', [0, 1]],
] as const) {
  test(`of two logs LevelDB skips ${what}, and nothing is lost`, async ({ dir, db }) => {
    const names = splitLog(db)
    cpSync(dir, `${dir}-plain`, { recursive: true })
    await checkWhole(`${dir}-plain`)
    const skipped = skipping(
      db,
      which.map(index => names[index] as string),
    )
    await checkWhole(dir)
    assert.ok(skipped.met)
    await checkWhole(dir)
  })
}

test('a log that LevelDB skips when it is renewed is written again', async ({ dir, db }) => {
  const store = await open(dir, { renewBytes: 4_000 })
  const skipped = skipping(db)
  for (let number = COMMITS + 1; number <= COMMITS * 2; number++) await store.write(commitOf(number))
  assert.ok(skipped.met)
  await store.close()
  await checkWhole(dir, COMMITS * 2)
})

test('what LevelDB took in is not written again', async ({ dir, db }) => {
  await checkWhole(dir)
  const [name] = logsOf(db) as [string]
  assert.is(readFileSync(join(db, name)).length, 0)
})

test('an old log that LevelDB could not remove is not written again', async ({ dir, db }) => {
  const [name] = logsOf(db) as [string]
  copyFileSync(join(db, name), `${dir}-log`)
  await write(dir, COMMITS + 1, COMMITS * 2)
  await write(dir, COMMITS * 2 + 1, COMMITS * 3)
  assert.not.ok(logsOf(db).includes(name))
  copyFileSync(`${dir}-log`, join(db, name))
  const skipped = skipping(
    db,
    logsOf(db).filter(other => other !== name),
  )
  await checkWhole(dir, COMMITS * 3)
  assert.ok(skipped.met)
})

for (const [what, change, message] of [
  ['cannot be written again', () => assert.unreachable('the disk is full') as never, /again failed: the disk is full/],
  ['is not there all the same', (operations: object[]) => operations.slice(0, -1), /does not have it after it was/],
] as [string, (operations: object[]) => object[], RegExp][]) {
  test(`what was skipped and ${what} is an error that says so, and nothing stays open`, async ({ db }) => {
    const journal = await Journal.read(db)
    skipping(db)
    const { _batch } = DurableLevel.prototype
    DurableLevel.prototype._batch = function (operations, options) {
      return _batch.call(this, change(operations), options)
    }
    try {
      const outcome = await Database.open(db, journal).catch(error => error as Error)
      assert.match((outcome as Error).message, /LevelDB skipped a part of \d+\.log/)
      assert.match((outcome as Error).message, message)
    } finally {
      DurableLevel.prototype._batch = _batch
    }
    await (await Database.open(db, journal)).close()
  })
}

test('a damaged journal is not written again', async ({ dir, db }) => {
  const [name] = logsOf(db) as [string]
  const bytes = readFileSync(join(db, name))
  bytes[100] = (bytes[100] as number) ^ 1
  writeFileSync(join(db, name), bytes)
  const outcome = await Journal.read(db).catch(error => error as Error & { code: string })
  assert.is((outcome as { code: string }).code, 'LEVEL_CORRUPTION')
  assert.is(await open(dir).catch(error => error.code), 'STORE_CORRUPT')
})

test('a journal that is damaged while the store is open is found when LevelDB is renewed', async ({ dir, db }) => {
  const store = await open(dir, { renewBytes: 4_000 })
  await store.write(commitOf(COMMITS + 1))
  const [name] = logsOf(db) as [string]
  const bytes = readFileSync(join(db, name))
  bytes[20] = (bytes[20] as number) ^ 1
  writeFileSync(join(db, name), bytes)
  let refused: { code: string; message: string } | undefined
  for (let number = COMMITS + 2; number <= COMMITS * 2 && !refused; number++) {
    refused = await store.write(commitOf(number)).then(
      () => undefined,
      error => error,
    )
  }
  assert.is(refused?.code, 'STORE_WRITE_FAILED')
  assert.match(refused?.message ?? '', /fails its checksum/)
  assert.is(await store.reopen().catch(error => error.code), 'STORE_CORRUPT')
  await store.close()
})

test('a directory that cannot be synced leaves no handle open', async ({ dir, db }) => {
  const hidden = aroundOpening(db, { after: () => renameSync(db, `${db}-hidden`) })
  const outcome = await open(dir).catch(error => error as { code: string })
  assert.ok(hidden.met)
  assert.is((outcome as { code: string }).code, 'STORE_UNUSABLE')
  renameSync(`${db}-hidden`, db)
  await checkWhole(dir)
})

test.run()
