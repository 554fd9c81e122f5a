import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TallymeshError } from '@tallymesh/crdt'
import { openLevelStore, type VerifiedStore, verifyStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { run, whenPossible } from './mount.js'
import { seeded } from './random.js'
import { FAST, temporary } from './temporary.js'

const COMMITS = 200
const SEED = Number(process.env.SEED ?? 5)
const WRITER = fileURLToPath(new URL('./writer.js', import.meta.url))
const test = suite('verifyStore')
const base = temporary(FAST)
const work = temporary(FAST)
const scratch = temporary(FAST)
// Where copies are made.
process.env.TMPDIR = scratch.path

/** Every update that was ever written. */
const EVER = new Set(
  Array.from({ length: COMMITS }, (_, i) => commitOf(i + 1).logs).flatMap(logs =>
    logs.flatMap(({ append, head }) =>
      [append, head].flatMap(record => (record ? [Buffer.from(record.update).toString('hex')] : [])),
    ),
  ),
)

/** Every name below a directory, with what lies there. */
function fingerprint(dir: string): string[] {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
  return names.map(name => {
    const { size, mtimeMs, mode, ino } = statSync(join(dir, name))
    // Closing a lock file that this process holds would drop the lock; and they are empty.
    const file = statSync(join(dir, name)).isFile() && !name.endsWith('LOCK')
    const hash = file
      ? createHash('sha256')
          .update(readFileSync(join(dir, name)))
          .digest('hex')
      : ''
    return `${name} ${size} ${mtimeMs} ${mode} ${ino} ${hash}`
  })
}

function leftovers(): string[] {
  return readdirSync(scratch.path)
}

/** Verifies a copy of the base directory after `harm` was done to it, and sees to it that nothing changed there. */
async function verified(harm: (dir: string) => void = () => {}, room?: string): Promise<VerifiedStore> {
  rmSync(work.path, { recursive: true, force: true })
  cpSync(base.path, work.path, { recursive: true })
  harm(work.path)
  const before = fingerprint(work.path)
  const store = await verifyStore({ dir: work.path, ...(room === undefined ? {} : { room }) })
  assert.equal(fingerprint(work.path), before)
  return store
}

async function code(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(error, TallymeshError)
  return (error as TallymeshError).code
}

test.before(async () => {
  for (const from of [1, COMMITS / 2 + 1]) {
    const store = await openLevelStore({ dir: base.path, room: 'shop' })
    for (let number = from; number < from + COMMITS / 2; number++) await store.write(commitOf(number))
    await store.close()
  }
})

test.after(() => {
  base.remove()
  work.remove()
  scratch.remove()
})

test('a whole store verifies, tells what it holds, and stays as it is to the last byte', async () => {
  const store = await verified(undefined, 'shop')
  assert.equal(store.damage, [])
  assert.is(store.id, JSON.parse(readFileSync(join(base.path, 'tallymesh.json'), 'utf8')).store)
  assert.is(store.room, 'shop')
  assert.is(store.lastCommit?.number, COMMITS)
  assert.ok(store.bytes > 10_000)
  assert.ok(sameContent((await contentOf(store as never)).logs, contentAfter(COMMITS)))
  const before = fingerprint(work.path)
  await store.close()
  assert.equal(fingerprint(work.path), before)
  const again = await openLevelStore({ dir: work.path, room: 'shop' })
  await again.close()
})

test('damage is told, and what can be read is read', async () => {
  const names = readdirSync(join(base.path, 'db'))
  const table = join('db', names.find(name => name.endsWith('.ldb')) as string)
  const log = join('db', names.find(name => name.endsWith('.log')) as string)
  const flip = (name: string, at: number) => (dir: string) => {
    const bytes = readFileSync(join(dir, name))
    bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ 1
    writeFileSync(join(dir, name), bytes)
  }
  const harms: Array<[RegExp, (dir: string) => void]> = [
    [/fails its checksum/, flip(table, 300)],
    [/log/, flip(log, 2_000)],
    [/CURRENT is missing/, dir => rmSync(join(dir, 'db', 'CURRENT'))],
    [/tallymesh.json is damaged/, dir => writeFileSync(join(dir, 'tallymesh.json'), '{')],
    [/the database is missing/, dir => rmSync(join(dir, 'db'), { recursive: true })],
    [/is missing/, dir => rmSync(join(dir, table))],
  ]
  for (const [expected, harm] of harms) {
    const store = await verified(harm)
    assert.match(store.damage.join('; '), expected)
    const { logs } = await contentOf(store as never)
    // What a lost file said to be deleted may come back; nothing is made up.
    for (const updates of logs.values()) for (const update of updates) assert.ok(EVER.has(update))
    await store.close()
  }
  assert.equal(leftovers(), [])
})

test('random damage never throws and never passes unseen where it matters', async () => {
  const random = seeded(SEED)
  const names = readdirSync(join(base.path, 'db')).filter(name => /\.(ldb|log)$|^MANIFEST/.test(name))
  for (let round = 0; round < 40; round++) {
    const name = names[Math.floor(random() * names.length)] as string
    const store = await verified(dir => {
      const path = join(dir, 'db', name)
      const bytes = readFileSync(path)
      if (bytes.length === 0) return
      const at = Math.floor(random() * bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8))
      writeFileSync(path, bytes)
    })
    const { logs } = await contentOf(store as never)
    if (store.damage.length === 0) {
      assert.ok(sameContent(logs, contentAfter(store.lastCommit?.number ?? 0)), `SEED=${SEED}, round ${round}, ${name}`)
    }
    await store.close()
  }
})

test('a directory of another room, without a store, or that is none is refused', async () => {
  assert.is(await code(verified(undefined, 'other')), 'STORE_WRONG_ROOM')
  assert.is(await code(verified(dir => rmSync(join(dir, 'tallymesh.json')), 'other')), 'STORE_WRONG_ROOM')
  const { path, remove } = temporary(FAST)
  assert.is(await code(verifyStore({ dir: path })), 'STORE_UNUSABLE')
  assert.is(await code(verifyStore({ dir: join(path, 'missing') })), 'STORE_UNUSABLE')
  writeFileSync(join(path, 'letter.txt'), 'dear')
  assert.is(await code(verifyStore({ dir: path })), 'STORE_UNUSABLE')
  assert.is(await code(verifyStore({ dir: join(path, 'letter.txt') })), 'STORE_UNUSABLE')
  assert.equal(readdirSync(path), ['letter.txt'])
  remove()
  const newer = verified(dir => {
    const marker = JSON.parse(readFileSync(join(dir, 'tallymesh.json'), 'utf8'))
    writeFileSync(join(dir, 'tallymesh.json'), JSON.stringify({ ...marker, format: 99 }))
  })
  assert.is(await code(newer), 'STORE_UNSUPPORTED')
  assert.equal(leftovers(), [])
})

test('a store that this process has open is refused, and its lock stays', async () => {
  rmSync(work.path, { recursive: true, force: true })
  const store = await openLevelStore({ dir: work.path, room: 'shop' })
  await store.write(commitOf(1))
  assert.is(await code(verifyStore({ dir: work.path })), 'STORE_LOCKED')
  const other = startWriter(work.path)
  assert.is(await other.first, 'STORE_LOCKED', 'another process cannot come in')
  await other.end()
  await store.write(commitOf(2))
  await store.close()
})

test('a store that another process has open is refused and goes on', async () => {
  rmSync(work.path, { recursive: true, force: true })
  const writer = startWriter(work.path)
  assert.is(await writer.first, 'open')
  assert.is(await code(verifyStore({ dir: work.path })), 'STORE_LOCKED')
  assert.is(await code(verifyStore({ dir: work.path })), 'STORE_LOCKED')
  await writer.end()
  const store = await verifyStore({ dir: work.path })
  assert.equal(store.damage, [])
  await store.close()
})

test('no node opens a directory while it is verified', async () => {
  const store = await verified()
  assert.is(await code(openLevelStore({ dir: work.path, room: 'shop' })), 'STORE_LOCKED')
  const other = startWriter(work.path)
  assert.is(await other.first, 'STORE_LOCKED')
  await other.end()
  assert.is(await code(verifyStore({ dir: work.path })), 'STORE_LOCKED')
  await store.close()
  const again = await openLevelStore({ dir: work.path, room: 'shop' })
  await again.close()
})

test('a restored directory without a lock, and one behind a link, are verified', async () => {
  const store = await verified(dir => rmSync(join(dir, 'lock'), { recursive: true }))
  assert.equal(store.damage, [])
  await store.close()
  assert.not.ok(readdirSync(work.path).includes('lock'))
  const { path, remove } = temporary(FAST)
  symlinkSync(work.path, join(path, 'link'))
  const linked = await verifyStore({ dir: join(path, 'link') })
  assert.equal(linked.damage, [])
  await linked.close()
  remove()
})

test('a directory that cannot be read is refused', async () => {
  if (process.geteuid?.() === 0) return
  rmSync(work.path, { recursive: true, force: true })
  mkdirSync(work.path)
  chmodSync(work.path, 0)
  assert.is(await code(verifyStore({ dir: work.path })), 'STORE_UNUSABLE')
  chmodSync(work.path, 0o700)
})

test('a directory on a read-only mount is verified, without a lock', async () => {
  const { path, remove } = temporary(FAST)
  const mount = () => run('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tallymesh-test', path)
  await whenPossible('a read-only mount', mount, async () => {
    try {
      const dir = join(path, 'data')
      cpSync(base.path, dir, { recursive: true })
      run('mount', '-o', 'remount,ro', path)
      const before = fingerprint(path)
      const store = await verifyStore({ dir, room: 'shop' })
      assert.equal(store.damage, [])
      assert.is(store.lastCommit?.number, COMMITS)
      await store.close()
      assert.equal(fingerprint(path), before)
      run('mount', '-o', 'remount,rw', path)
      const again = await openLevelStore({ dir, room: 'shop' })
      await again.close()
    } finally {
      run('umount', '-l', path)
    }
  })
  remove()
  assert.equal(leftovers(), [])
})

test('a lock that may not be written is named by its own path', async () => {
  rmSync(work.path, { recursive: true, force: true })
  cpSync(base.path, work.path, { recursive: true })
  const lock = join(work.path, 'lock', 'LOCK')
  for (const [path, mode] of [
    [work.path, 0o755],
    [join(work.path, 'lock'), 0o755],
    [lock, 0o444],
    [scratch.path, 0o777],
  ] as const) {
    chmodSync(path, mode)
  }
  const wasRoot = process.geteuid?.() === 0
  if (wasRoot) process.seteuid?.(65_534)
  let error: TallymeshError
  try {
    error = await verifyStore({ dir: work.path }).then(
      () => Promise.reject(new Error('it was verified')),
      (error: TallymeshError) => error,
    )
  } finally {
    if (wasRoot) process.seteuid?.(0)
  }
  assert.is(error.code, 'STORE_UNUSABLE')
  assert.ok(error.message.includes(lock), error.message)
  assert.not.match(error.message, /tallymesh-verify-/)
  assert.equal(leftovers(), [])
})

/** A process that opens a store and writes until it is killed; it first says `open`, or why it could not. */
function startWriter(dir: string) {
  const child = spawn(process.execPath, [WRITER, dir], { stdio: ['ignore', 'pipe', 'ignore'] })
  const first = new Promise<string>(resolve =>
    child.stdout.once('data', (text: Buffer) => resolve(text.toString().split('\n')[0] ?? '')),
  )
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  const end = () => {
    child.kill('SIGKILL')
    return ended
  }
  return { first, end }
}

test.run()
