import { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk, MemoryStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { seeded } from './random.js'

const test = suite('the memory store')
const open = (disk: MemoryDisk, room = 'shop') => new MemoryStore({ room, random: seeded(3), disk })

test('a crash loses what was not durable, and nothing else', async () => {
  const disk = new MemoryDisk()
  const store = open(disk)
  await store.write(commitOf(1))
  let settled = false
  let release: () => void = () => undefined
  disk.sync = () => new Promise(resolve => (release = resolve))
  const lost = store.write(commitOf(2)).finally(() => (settled = true))
  await Promise.resolve()
  store.crash()
  disk.sync = undefined
  release()
  const next = open(disk)
  assert.is(next.id, store.id)
  assert.is(next.lastCommit?.number, 1)
  assert.ok(sameContent((await contentOf(next)).logs, contentAfter(1)))
  await next.write(commitOf(2))
  assert.is(settled, false)
  assert.ok(lost instanceof Promise)
  await assertCode(() => store.write(commitOf(3)), 'STORE_CLOSED')
})

test('a disk that cannot sync fails the write', async () => {
  const disk = new MemoryDisk()
  const store = open(disk)
  disk.sync = async () => {
    throw new Error('the disk is gone')
  }
  await assertCode(() => store.write(commitOf(1)), 'STORE_WRITE_FAILED')
  disk.sync = undefined
  await store.reopen()
  await store.write(commitOf(1))
  assert.is(store.lastCommit?.number, 1)
})

test('a copied disk is another one with the same store id', async () => {
  const disk = new MemoryDisk()
  const store = open(disk)
  await store.write(commitOf(1))
  const clone = open(disk.copy())
  assert.is(clone.id, store.id)
  assert.is(clone.created, false)
  await store.write(commitOf(2))
  assert.is(clone.lastCommit?.number, 1)
})

test('another room and a second store are refused', async () => {
  const disk = new MemoryDisk()
  const store = open(disk)
  await assertCode(async () => open(disk), 'STORE_LOCKED')
  await store.close()
  await assertCode(async () => open(disk, 'bar'), 'STORE_WRONG_ROOM')
})

test('without a disk it brings its own', async () => {
  const store = new MemoryStore({ room: 'shop', random: seeded(1) })
  await store.write(commitOf(1))
  assert.is(store.disk.records.size, 1)
})

async function assertCode(action: () => Promise<unknown>, code: string): Promise<void> {
  try {
    await action()
  } catch (error) {
    assert.instance(error, TallymeshError)
    assert.is((error as TallymeshError).code, code)
    return
  }
  assert.unreachable(`nothing failed, instead of ${code}`)
}

test.run()
