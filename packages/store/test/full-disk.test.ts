import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import { openLevelStore, type Store } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { run, whenPossible } from './mount.js'
import { temporary } from './temporary.js'

const test = suite('a full disk')

test('a failed write is said, nothing later is stored, and reopening finds what was acknowledged', async () => {
  const { path, remove } = temporary()
  const mount = () => run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'tallymesh-test', path)
  await whenPossible('a full disk', mount, async () => {
    try {
      await fillAndFree(path)
    } finally {
      // A failed check leaves a store open: its mount goes when the process does.
      run('umount', '-l', path)
    }
  })
  remove()
})

async function fillAndFree(path: string): Promise<void> {
  const dir = join(path, 'data')
  const ballast = join(path, 'ballast')
  let store: Store = await openLevelStore({ dir, room: 'shop' })
  let acknowledged = 0
  for (let round = 0; round < 8; round++) {
    const printed = await printing(async () => {
      fill(ballast)
      // From none to enough for LevelDB to write tables before it runs out.
      truncateSync(ballast, Math.max(0, statSync(ballast).size - round * 40_000))
      acknowledged = await writeUntilRefused(store, acknowledged)
    })
    assert.equal(printed, [], 'nothing goes to the console')
    assert.is(await codeOf(store.write(commitOf(acknowledged + 1))), 'STORE_WRITE_FAILED')
    // While the disk is full the store may open or not, but it loses nothing and may be reopened again.
    const full = await codeOf(store.reopen())
    assert.ok(['none', 'STORE_UNUSABLE'].includes(full), full)
    rmSync(ballast)
    await store.reopen()
    acknowledged = await checkContent(store, acknowledged)
    if (round % 2 === 1) {
      await store.close()
      store = await openLevelStore({ dir, room: 'shop' })
      assert.is(store.lastCommit?.number ?? 0, acknowledged)
    }
    await store.write(commitOf(++acknowledged))
  }
  await store.close()
  fill(ballast)
  assert.is(await codeOf(openLevelStore({ dir, room: 'shop' })), 'STORE_UNUSABLE')
  rmSync(ballast)
  store = await openLevelStore({ dir, room: 'shop' })
  await checkContent(store, acknowledged)
  await store.close()
}

async function writeUntilRefused(store: Store, from: number): Promise<number> {
  let acknowledged = from
  for (;;) {
    const writes = [1, 2, 3].map(offset => store.write(commitOf(acknowledged + offset)))
    const codes = await Promise.all(writes.map(codeOf))
    acknowledged += codes.filter(code => code === 'none').length
    if (codes.includes('STORE_WRITE_FAILED')) {
      assert.ok(
        !codes.slice(codes.indexOf('STORE_WRITE_FAILED')).includes('none'),
        'nothing after a failure is acknowledged',
      )
      return acknowledged
    }
    assert.ok(acknowledged < from + 20_000, 'the disk never became full')
  }
}

/** @returns the last stored commit: those that failed may be stored */
async function checkContent(store: Store, acknowledged: number): Promise<number> {
  const last = store.lastCommit?.number ?? 0
  assert.ok(last >= acknowledged && last <= acknowledged + 3, `${acknowledged} acknowledged, ${last} stored`)
  assert.equal(store.damage, [])
  assert.ok(sameContent((await contentOf(store)).logs, contentAfter(last)))
  return last
}

function fill(path: string): void {
  for (const block of [65536, 4096]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(block, 1), { flag: 'a' })
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
}

/** What `body` prints on the console's error side. */
async function printing(body: () => Promise<void>): Promise<unknown[]> {
  const { warn, error } = console
  const printed: unknown[] = []
  console.warn = console.error = (...values: unknown[]) => printed.push(...values)
  try {
    await body()
  } finally {
    Object.assign(console, { warn, error })
  }
  return printed
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    assert.instance(error, TallymeshError)
    return (error as TallymeshError).code
  }
}

test.run()
