import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type CommitMark, replicaId, TallymeshError } from '@tallymesh/crdt'
import { openLevelStore, type Store } from '@tallymesh/store'
import { ClassicLevel } from 'classic-level'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyEncoding, LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'
import { DurableLevel, seal } from '../src/durable-level.js'
import { decodeMeta, encodeMeta, META_KEY } from '../src/meta.js'
import { recordKey } from '../src/record-key.js'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { seeded } from './random.js'
import { FAST, temporary } from './temporary.js'

const test = suite<{ dir: string; remove(): void }>('opening a LevelDB store')
test.before.each(context => {
  const { path, remove } = temporary(FAST)
  context.dir = join(path, 'deep', 'down', 'data')
  context.remove = remove
})
test.after.each(context => context.remove())

const open = (dir: string, options: object = {}): Promise<Store> => openLevelStore({ dir, room: 'shop', ...options })

async function refused(opening: Promise<Store>, code: string, message: RegExp): Promise<TallymeshError> {
  const outcome = await opening.then(
    store => store.close().then(() => assert.unreachable(`opened, instead of ${code}`)),
    error => error as TallymeshError,
  )
  assert.instance(outcome, TallymeshError)
  assert.is((outcome as TallymeshError).code, code)
  assert.match((outcome as TallymeshError).message, message)
  return outcome as TallymeshError
}

/** Opens the store's database directly, with what y-leveldb would be given. */
async function tamper(dir: string, change: (level: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<void> {
  const level = new ClassicLevel<Buffer, Buffer>(join(dir, 'db'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await level.open()
  await change(level)
  await level.close()
}

async function filled(dir: string, commits = 30): Promise<void> {
  const store = await open(dir)
  for (let number = 1; number <= commits; number++) await store.write(commitOf(number))
  await store.close()
}

test('a new directory is made with its parents and marked', async ({ dir }) => {
  const store = await open(dir, { random: seeded(4) })
  const marker = JSON.parse(readFileSync(join(dir, 'tallymesh.json'), 'utf8'))
  assert.is(marker.store, store.id)
  assert.is(marker.room, 'shop')
  assert.match(marker.note, /Do not edit/)
  await store.close()
})

test('an empty volume may hold lost+found; anything else is refused and left alone', async ({ dir }) => {
  mkdirSync(join(dir, 'lost+found'), { recursive: true })
  await (await open(dir)).close()
  const foreign = `${dir}-foreign`
  mkdirSync(foreign)
  writeFileSync(join(foreign, 'thesis.txt'), 'words')
  await refused(open(foreign), 'STORE_UNUSABLE', /holds no store but other files \(thesis\.txt\)/)
  assert.equal(readdirSync(foreign), ['thesis.txt'])
})

test('a directory that cannot be one is refused', async ({ dir }) => {
  mkdirSync(join(dir, '..'), { recursive: true })
  writeFileSync(dir, '')
  await refused(open(dir), 'STORE_UNUSABLE', /data directory .* cannot be used/)
  await refused(open(join(dir, 'below')), 'STORE_UNUSABLE', /check the path/)
  await refused(open('/proc/tallymesh'), 'STORE_UNUSABLE', /cannot be used/)
})

test('the wrong room is refused, naming both', async ({ dir }) => {
  await filled(dir)
  await refused(open(dir, { room: 'bar' }), 'STORE_WRONG_ROOM', /belongs to the room "shop", not to "bar"/)
  rmSync(join(dir, 'tallymesh.json'))
  await refused(open(dir, { room: 'bar' }), 'STORE_WRONG_ROOM', /"shop"/)
  await (await open(dir)).close()
})

test('a newer format is refused, by marker and by database', async ({ dir }) => {
  await filled(dir)
  const marker = join(dir, 'tallymesh.json')
  const text = readFileSync(marker, 'utf8')
  writeFileSync(marker, text.replace('"format": 2', '"format": 3'))
  await refused(open(dir), 'STORE_UNSUPPORTED', /tallymesh\.json was written in store format 3/)
  writeFileSync(marker, text)
  await tamper(dir, async level => {
    const key = META_KEY
    const value = ((await level.get(key)) as Buffer).subarray(4)
    value.writeUInt16LE(3, 4)
    await level.put(key, seal(value))
  })
  await refused(open(dir, { salvage: true }), 'STORE_UNSUPPORTED', /database was written in store format 3/)
})

test('records that vanish, appear or change behind the checksums are found', async ({ dir }) => {
  const changes: [(level: ClassicLevel<Buffer, Buffer>) => Promise<void>, RegExp][] = [
    [level => level.del(recordKey(replicaId(1001), 3)), /29 records instead of 30|records instead/],
    [level => level.put(recordKey(replicaId(9), 3), seal(Buffer.from('x'))), /records instead/],
    [level => level.put(recordKey(replicaId(1001), 3), seal(Buffer.from('x'))), /not those that were/],
    [level => level.put(Buffer.from('stray'), seal(Buffer.from('x'))), /unknown key/],
    [level => level.put(keyEncoding.encode(['v1', 'log/0a', 'update', 1]), seal(Buffer.from('x'))), /unknown key/],
    [
      level => level.put(keyEncoding.encode(['v1', 'log/a/4194304', 'update', 1]), seal(Buffer.from('x'))),
      /unknown key/,
    ],
    [
      level => level.put(keyEncoding.encode(['v1', 'log/fffffffffffff0', 'update', 1]), seal(Buffer.from('x'))),
      /unknown/,
    ],
    [level => level.put(Buffer.from([0, 0xff, 0xff, 0x7f]), seal(Buffer.from('x'))), /unknown key/],
    [level => level.put(recordKey(replicaId(1001), 3), Buffer.from('x')), /log 3e9: .*clock 3 fails/],
    [level => level.del(META_KEY), /meta record is missing/],
    [level => level.put(META_KEY, seal(Buffer.alloc(80))), /meta record is missing/],
  ]
  for (const [index, [change, message]] of changes.entries()) {
    const data = `${dir}-${index}`
    await filled(data)
    await tamper(data, change)
    await refused(open(data), 'STORE_CORRUPT', message)
    const store = await open(data, { salvage: true })
    assert.match(store.damage.join('\n'), message)
    await store.close()
    assert.equal(await reopenedDamage(data), [])
  }
})

async function reopenedDamage(dir: string): Promise<readonly string[]> {
  const store = await open(dir)
  await store.close()
  return store.damage
}

test('without its meta record a salvaged store gets an id of its own', async ({ dir }) => {
  await filled(dir)
  const { store: before } = JSON.parse(readFileSync(join(dir, 'tallymesh.json'), 'utf8'))
  await tamper(dir, level => level.del(META_KEY))
  const store = await open(dir, { salvage: true })
  assert.is.not(store.id, before)
  assert.is(JSON.parse(readFileSync(join(dir, 'tallymesh.json'), 'utf8')).store, store.id)
  const { logs, damaged } = await contentOf(store)
  assert.ok(sameContent(logs, contentAfter(30)))
  assert.is(damaged.size, logs.size, 'nobody knows which logs are whole')
  await store.close()
})

test('a database of another store in the place of the own one is found', async ({ dir }) => {
  await filled(dir)
  await filled(`${dir}-2`)
  rmSync(join(dir, 'db'), { recursive: true })
  renameSync(join(`${dir}-2`, 'db'), join(dir, 'db'))
  await refused(open(dir), 'STORE_CORRUPT', /names the store [0-9a-f]{32}, but the database is of/)
})

test('a crash at any point of making a store leaves one that opens', async ({ dir }) => {
  await (await open(dir)).close()
  mkdirSync(join(dir, 'db.new-1234'))
  writeFileSync(join(dir, 'db.new-1234', 'MANIFEST-000001'), 'half')
  writeFileSync(join(dir, 'tallymesh.json.new'), '{')
  rmSync(join(dir, 'tallymesh.json'))
  const store = await open(dir)
  assert.is(store.created, true, 'nobody has used it yet')
  await store.close()
  assert.equal(readdirSync(dir).sort(), ['db', 'lock', 'tallymesh.json'])
  // Before the database was moved into its place there is none.
  for (const name of ['db', 'tallymesh.json']) rmSync(join(dir, name), { recursive: true })
  mkdirSync(join(dir, 'db.new-1234'))
  await (await open(dir)).close()
  assert.is(existsSync(join(dir, 'db.new-1234')), false)
})

test('a damaged lock is made anew', async ({ dir }) => {
  await filled(dir)
  writeFileSync(join(dir, 'lock', 'CURRENT'), 'nonsense')
  await (await open(dir)).close()
})

test('one directory has one lock under all of its names, and a refused open does not weaken it', async ({ dir }) => {
  const store = await open(dir)
  symlinkSync(dir, `${dir}-link`)
  for (const name of [dir, `${dir}-link`, join(dir, '..', 'data')]) {
    await refused(open(name), 'STORE_LOCKED', /is open already, in this process or another; stop that one/)
  }
  await store.write(commitOf(1))
  await store.close()
  await (await open(`${dir}-link`)).close()
})

test('LevelDB is renewed between writes, and its journals stay short', async ({ dir }) => {
  const store = await open(dir, { renewBytes: 20_000 })
  const names = new Set<string>()
  for (let number = 1; number <= 400; number++) {
    await store.write(commitOf(number))
    names.add(readdirSync(join(dir, 'db')).find(name => name.startsWith('MANIFEST')) as string)
  }
  assert.ok(names.size > 3, `${names.size} manifests`)
  assert.ok(sameContent((await contentOf(store)).logs, contentAfter(400)))
  await store.close()
  assert.ok(sameContent((await contentOf(await open(dir).then(closedLater))).logs, contentAfter(400)))
})

const later: Store[] = []
const closedLater = (store: Store) => {
  later.push(store)
  return store
}
test.after.each(async () => {
  for (const store of later.splice(0)) await store.close()
})

test('y-leveldb reads what the store wrote: a document for each log', async ({ dir }) => {
  const log = replicaId(0x9f3)
  const doc = new Y.Doc()
  doc.clientID = log
  const updates: Uint8Array[] = []
  doc.on('update', update => updates.push(update))
  const array = doc.getArray<number>('log/9f3')
  for (let number = 0; number < 5; number++) array.push([number])
  const store = await open(dir)
  for (const [clock, update] of updates.entries()) await store.write({ logs: [{ log, append: { clock, update } }] })
  await store.close()
  const persistence = new LeveldbPersistence(join(dir, 'db'), { Level: DurableLevel as never })
  const reader = persistence as unknown as { getYDoc(name: string): Promise<Y.Doc>; destroy(): Promise<void> }
  assert.equal((await reader.getYDoc('log/9f3')).getArray('log/9f3').toArray(), [0, 1, 2, 3, 4])
  await reader.destroy()
})

test('the database class refuses every write after a failed one, and damaged values', async ({ dir }) => {
  const valueEncoding = { encode: (value: Uint8Array) => value, decode: (value: Uint8Array) => value }
  const level = new DurableLevel(dir, { valueEncoding, keyEncoding })
  const key = ['v1', 'x', 'update', 1]
  await level.put(key, Buffer.from('value'))
  assert.is(Buffer.from((await level.get(key)) as Uint8Array).toString(), 'value')
  await level.put(keyEncoding.encode(key), Buffer.from('short'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  assert.is(await level.get(key).catch(error => error.code), 'LEVEL_DECODE_ERROR')
  await level.put(keyEncoding.encode(key), Buffer.from('x'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  assert.is(await level.get(key).catch(error => error.code), 'LEVEL_DECODE_ERROR')
  await level.del(key)
  assert.is(await level.get(key), undefined)
  level.failure = new Error('the first failure')
  for (const write of [level.put(key, Buffer.from('x')), level.del(key), level.batch([{ type: 'del', key }], {})]) {
    assert.is(await write.catch(error => error.message), 'the first failure')
  }
  await level.close()
})

test('the meta record carries what it is given', () => {
  const summary = Object.assign(Object.create(null), { count: 3, low: 2 ** 32 - 1, high: 5 })
  const meta = { id: 'f'.repeat(32) as never, room: 'schön', lastCommit: undefined, summary }
  const decoded = decodeMeta(encodeMeta(meta))
  assert.is(decoded?.room, 'schön')
  assert.is(decoded?.lastCommit, undefined)
  assert.is(decoded?.summary.low, 2 ** 32 - 1)
  const lastCommit = { number: 9, replica: replicaId(2 ** 53 - 1), clock: 2 ** 40, tip: 2 ** 32 - 1, before: 2 ** 31 }
  assert.equal(decodeMeta(encodeMeta({ ...meta, lastCommit }))?.lastCommit, lastCommit)
  const bytes = encodeMeta(meta)
  assert.is(decodeMeta(bytes.fill(0, bytes.length - 8)), undefined)
  assert.is(decodeMeta(bytes.subarray(0, 78)), undefined)
})

test('a store of format 1 is read, and its last commit proves nothing', async ({ dir }) => {
  await filled(dir)
  let before: CommitMark | undefined
  await tamper(dir, async level => {
    const key = META_KEY
    const value = ((await level.get(key)) as Buffer).subarray(4)
    before = decodeMeta(value)?.lastCommit
    value.writeUInt16LE(1, 4)
    await level.put(key, seal(Buffer.concat([value.subarray(0, 64), value.subarray(72)])))
  })
  assert.ok(before && before.tip !== 0)
  const store = await open(dir)
  assert.equal(store.damage, [])
  assert.equal(store.lastCommit, { ...before, tip: 0, before: 0 })
  await store.write(commitOf(31))
  await store.close()
  const next = await open(dir)
  assert.equal(next.lastCommit, commitOf(31).commit)
  await next.close()
})

test.run()
