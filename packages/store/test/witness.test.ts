import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, replicaId, type StoreId, storeId, TallymeshError } from '@tallymesh/crdt'
import { openWitness, type WitnessOptions } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findRuntimeDirectory } from '../src/runtime-directory.js'
import { run, whenPossible } from './mount.js'
import { FAST, temporary } from './temporary.js'

const STORE = storeId('0123456789abcdef0123456789abcdef')
const OTHER = storeId('f'.repeat(32))
const BOOT = '11111111-2222-3333-4444-555555555555'
const MARK = { number: 12, replica: replicaId(2 ** 53 - 1), clock: 2 ** 40, tip: 2 ** 32 - 1, before: 2 ** 31 }

const test = suite<{ dir: string; remove(): void }>('the witness')
test.before.each(context => {
  const { path, remove } = temporary(FAST)
  context.dir = join(path, 'run', 'tallymesh')
  context.remove = remove
})
test.after.each(context => context.remove())

const open = (dir: string, options: Partial<WitnessOptions> = {}) =>
  openWitness({ runtimeDir: dir, store: STORE, bootId: BOOT, ...options })

async function readingOf(dir: string, options: Partial<WitnessOptions> = {}) {
  const witness = await open(dir, options)
  await witness.close()
  return witness.read()
}

const fileOf = (dir: string, store: StoreId = STORE) => join(dir, `${store}.witness`)

test('it tells the next process of the last commit', async ({ dir }) => {
  const witness = await open(dir)
  assert.equal(witness.read(), { state: 'none' })
  assert.is(witness.held, true)
  assert.is(witness.available, true)
  assert.is(statSync(dir).mode & 0o777, 0o700)
  assert.is(statSync(fileOf(dir)).mode & 0o777, 0o600)
  assert.is(statSync(fileOf(dir)).size, 4096)
  witness.write({ ...MARK, number: 11 })
  witness.write(MARK)
  assert.equal(witness.read(), { state: 'none' }, 'what it said at the start does not change')
  await witness.close()
  await witness.close()
  witness.write({ ...MARK, number: 13 })
  assert.is(witness.available, false)
  assert.equal(await readingOf(dir), { state: 'whole', record: { ...MARK, store: STORE, bootId: BOOT } })
})

test('without options it is kept in a usual place in memory, under the boot id of the kernel', async ({ dir }) => {
  const before = process.env.XDG_RUNTIME_DIR
  const onDisk = temporary()
  try {
    mkdirSync(join(dir, '..'), { recursive: true })
    process.env.XDG_RUNTIME_DIR = join(dir, '..')
    assert.equal(findRuntimeDirectory(), { path: dir })
    const witness = await openWitness({ store: STORE })
    witness.write(MARK)
    await witness.close()
    const again = await openWitness({ runtimeDir: dir, store: STORE })
    assert.is(again.read().state, 'whole')
    await again.close()
    process.env.XDG_RUNTIME_DIR = onDisk.path
    const elsewhere = findRuntimeDirectory()
    if ('path' in elsewhere) assert.not.match(elsewhere.path, onDisk.path)
    else assert.match(elsewhere.reason, /would not lie in memory/)
  } finally {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR
    else process.env.XDG_RUNTIME_DIR = before
    onDisk.remove()
  }
})

test('after a reboot it is stale, and of another store it is foreign', async ({ dir }) => {
  const witness = await open(dir)
  witness.write(MARK)
  await witness.close()
  const stale = await readingOf(dir, { bootId: BOOT.replace('1', '2') })
  assert.is(stale.state, 'stale-boot')
  writeFileSync(fileOf(dir, OTHER), readFileSync(fileOf(dir)))
  assert.equal(await readingOf(dir, { store: OTHER }), { state: 'foreign' })
  const newer = readFileSync(fileOf(dir))
  newer.writeUInt32LE(3, 4)
  newer.writeUInt32LE(crc32(newer, 0, 92), 92)
  writeFileSync(fileOf(dir), newer)
  assert.equal(await readingOf(dir), { state: 'foreign' })
})

test('one of version 1, which knew no tips, proves nothing', async ({ dir }) => {
  const witness = await open(dir)
  witness.write(MARK)
  await witness.close()
  const older = readFileSync(fileOf(dir))
  older.writeUInt32LE(1, 4)
  older.fill(0, 84)
  older.writeUInt32LE(crc32(older, 0, 88), 88)
  writeFileSync(fileOf(dir), older)
  const next = await open(dir)
  assert.equal(next.read(), { state: 'none' })
  next.write(MARK)
  await next.close()
  assert.is((await readingOf(dir)).state, 'whole')
})

test('no flipped bit and no cut goes unseen', async ({ dir }) => {
  const witness = await open(dir)
  witness.write(MARK)
  await witness.close()
  const whole = readFileSync(fileOf(dir))
  for (let bit = 0; bit < 96 * 8; bit += 5) {
    const bytes = Buffer.from(whole)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
    writeFileSync(fileOf(dir), bytes)
    assert.not.equal((await readingOf(dir)).state, 'whole', `bit ${bit}`)
  }
  for (const length of [0, 1, 40, 95]) {
    writeFileSync(fileOf(dir), whole.subarray(0, length))
    assert.is((await readingOf(dir)).state, length === 0 ? 'none' : 'torn')
  }
  writeFileSync(fileOf(dir), whole)
  assert.is((await readingOf(dir)).state, 'whole')
})

test('only one process on a machine holds the witness of a store', async ({ dir }) => {
  const first = await open(dir)
  const second = await open(dir)
  assert.is(second.held, false)
  assert.is(second.available, false)
  assert.match(second.reason ?? '', /another process on this machine has a store of the id 0123/)
  first.write(MARK)
  second.write({ ...MARK, number: 99 })
  assert.equal(second.read(), { state: 'none' })
  await second.close()
  await first.close()
  const holder = fileURLToPath(new URL('./holder.js', import.meta.url))
  const child = spawn(process.execPath, [holder, dir, STORE], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  assert.is(String(line).trim(), 'held')
  assert.is((await open(dir)).held, false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const next = await open(dir)
  assert.is(next.held, true)
  assert.is(next.read().state, 'whole')
  await next.close()
})

test('a wiped data directory is known', async ({ dir }) => {
  const dataDir = './data/api-1'
  const wiped = async (store: StoreId, created: boolean) => {
    const witness = await open(dir, { store, created, dataDir })
    await witness.close()
    return witness.wiped
  }
  assert.is(await wiped(STORE, true), undefined)
  assert.is(await wiped(STORE, false), undefined)
  assert.is(await wiped(OTHER, true), STORE)
  assert.is(await wiped(OTHER, true), undefined, 'it is said once')
  assert.is(await wiped(STORE, false), undefined, 'an older store was put in its place')
  const hint = (await import('node:fs')).readdirSync(dir).find(name => name.startsWith('dir-')) as string
  writeFileSync(join(dir, hint), 'nonsense')
  assert.is(await wiped(OTHER, true), undefined)
})

test('a directory that others could reach into is not used', async ({ dir }) => {
  const reasonFor = async (make: () => void, reason: RegExp) => {
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(join(dir, '..'), { recursive: true })
    make()
    const witness = await open(dir)
    assert.is(witness.available, false)
    assert.is(witness.held, false)
    assert.match(witness.reason ?? '', reason)
    witness.write(MARK)
    await witness.close()
  }
  await reasonFor(() => {
    mkdirSync(dir)
    chmodSync(dir, 0o777)
  }, /can be written by others/)
  await reasonFor(() => symlinkSync('/tmp', dir), /is not a directory/)
  await reasonFor(() => writeFileSync(dir, ''), /is not a directory/)
  await reasonFor(() => {
    mkdirSync(dir)
    mkdirSync(fileOf(dir))
  }, /no witness can be kept/)
  await reasonFor(() => {
    mkdirSync(dir)
    writeFileSync(join(dir, 'elsewhere'), '')
    symlinkSync(join(dir, 'elsewhere'), fileOf(dir))
  }, /ELOOP/)
  if (process.geteuid?.() === 0) {
    await reasonFor(() => {
      mkdirSync(dir)
      chownSync(dir, 65534, 65534)
    }, /belongs to the user 65534/)
  }
  const impossible = await open('/proc/tallymesh')
  assert.match(impossible.reason ?? '', /ENOENT/)
  const unwanted = await openWitness({ store: STORE, runtimeDir: false })
  assert.is(unwanted.available, false)
  assert.equal(unwanted.read(), { state: 'none' })
})

/** Lets every write to a file fail while `body` runs: the kernel refuses what lies past the limit. */
async function withoutWrites(body: () => void): Promise<void> {
  run('prlimit', '--pid', String(process.pid), '--fsize=0:unlimited')
  try {
    body()
  } finally {
    run('prlimit', '--pid', String(process.pid), '--fsize=unlimited:unlimited')
  }
}

test('one that cannot be written is removed, and the node goes on without', async ({ dir }) => {
  await whenPossible(
    'a failing witness',
    () => run('prlimit', '--version'),
    async () => {
      const witness = await open(dir)
      witness.write(MARK)
      await withoutWrites(() => witness.write({ ...MARK, number: 13 }))
      assert.is(existsSync(fileOf(dir)), false)
      assert.is(witness.available, false)
      assert.match(witness.reason ?? '', /could not be written and was removed \(EFBIG/)
      witness.write({ ...MARK, number: 14 })
      assert.is(existsSync(fileOf(dir)), false)
      await witness.close()
      assert.is((await readingOf(dir)).state, 'none')
    },
  )
})

test('one that can be neither written nor removed stops the node', async ({ dir }) => {
  const witness = await open(dir)
  witness.write(MARK)
  const file = fileOf(dir)
  // A mount point cannot be removed.
  await whenPossible(
    'a stuck witness',
    () => run('mount', '--bind', file, file),
    async () => {
      const codes: string[] = []
      const write = () => {
        try {
          witness.write({ ...MARK, number: 13 })
          codes.push('none')
        } catch (error) {
          assert.instance(error, TallymeshError)
          codes.push((error as TallymeshError).code)
        }
      }
      try {
        await withoutWrites(write)
        write()
      } finally {
        run('umount', file)
      }
      write()
      assert.equal(codes, ['WITNESS_STUCK', 'WITNESS_STUCK', 'none'])
      assert.is(existsSync(file), false)
    },
  )
  await witness.close()
})

test.run()
