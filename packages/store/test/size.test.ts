import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ReplicaId, replicaId } from '@tallymesh/crdt'
import { openLevelStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from './random.js'
import { FAST, temporary } from './temporary.js'

const test = suite('the size of a LevelDB store')
const random = seeded(7)
const noise = (length: number) => Uint8Array.from({ length }, () => random() * 256)

/** The bytes of all files below `dir`; those that LevelDB removes meanwhile count as none. */
function sizeOf(dir: string): number {
  let bytes = 0
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    bytes += entry.isDirectory() ? sizeOf(path) : (statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  }
  return bytes
}

/** Waits until `dir` holds at most so many bytes: LevelDB removes files later. */
async function settled(dir: string, bytesMax: number): Promise<void> {
  for (let left = 200; sizeOf(dir) > bytesMax; left--) {
    assert.ok(left > 0, `${sizeOf(dir)} bytes`)
    await pause(50)
  }
}

test('a small room stays below 2 MB on disk while it is open', async () => {
  const { path, remove } = temporary(FAST)
  const store = await openLevelStore({ dir: path, room: 'shop' })
  const log = replicaId(77)
  let bytesMax = 0
  // 1,000 counters are some 120 elements of at most 33 entries; incompressible, so that nothing flatters the sum.
  for (let clock = 0; clock < 12_000; clock++) {
    const head = { clock: Math.max(0, clock - 120), update: noise(40) }
    await store.write({ logs: [{ log, append: { clock, update: noise(700) }, head }] })
    if (clock % 50 === 0) bytesMax = Math.max(bytesMax, sizeOf(path))
  }
  assert.ok(bytesMax < 2_000_000, `${bytesMax} bytes`)
  await store.close()
  remove()
})

test('a room that was large becomes small again', async () => {
  const { path, remove } = temporary(FAST)
  const store = await openLevelStore({ dir: path, room: 'shop' })
  const large = replicaId(78)
  for (let clock = 0; clock < 250; clock++) {
    await store.write({ logs: [{ log: large, append: { clock, update: noise(40_000) } }] })
  }
  assert.ok(sizeOf(path) > 10_000_000)
  await store.write({ logs: [{ log: large, drop: true }] })
  for (let clock = 0; clock < 500; clock++) {
    const head = { clock, update: noise(40) }
    await store.write({ logs: [{ log: replicaId(77), append: { clock, update: noise(40_000) }, head }] })
  }
  await settled(path, 1_500_000)
  await store.close()
  remove()
})

test('a store that is closed while it is compacted holds all that was written', async () => {
  const { path, remove } = temporary(FAST)
  const log = replicaId(77)
  const written: Uint8Array[] = []
  for (let round = 0; round < 5; round++) {
    const store = await openLevelStore({ dir: path, room: 'shop' })
    // Half a megabyte is what starts it; the last write does.
    for (const length of [400_000, 130_000]) {
      const update = noise(length)
      await store.write({ logs: [{ log, append: { clock: written.length, update } }] })
      written.push(update)
    }
    await store.close()
  }
  const store = await openLevelStore({ dir: path, room: 'shop' })
  for await (const { updates } of store.load()) {
    assert.is(updates.length, written.length)
    for (const [i, update] of updates.entries()) assert.is(Buffer.compare(update, written[i] as Uint8Array), 0)
  }
  await store.close()
  remove()
})

test('300 large records are written, verified and read without holding them', async () => {
  const { path, remove } = temporary(FAST)
  const store = await openLevelStore({ dir: path, room: 'shop' })
  const update = noise(40_000)
  const logs = Array.from({ length: 300 }, (_, index) => replicaId(index + 1))
  await Promise.all(logs.map(log => store.write({ logs: [{ log, append: { clock: 0, update } }] })))
  await store.close()
  const next = await openLevelStore({ dir: path, room: 'shop' })
  const found: ReplicaId[] = []
  for await (const { log, updates } of next.load()) {
    assert.is(Buffer.compare(updates[0] as Uint8Array, update), 0)
    found.push(log)
  }
  assert.equal(
    found.sort((a, b) => a - b),
    logs,
  )
  await next.close()
  remove()
})

test('LevelDB is not renewed under a reader', async () => {
  const { path, remove } = temporary(FAST)
  const store = await openLevelStore({ dir: path, room: 'shop', renewBytes: 1000 })
  for (const log of [1, 2, 3])
    await store.write({ logs: [{ log: replicaId(log), append: { clock: 0, update: noise(900) } }] })
  let logs = 0
  for await (const { updates } of store.load()) {
    logs += updates.length
    for (let clock = 1; clock < 5; clock++) {
      await store.write({ logs: [{ log: replicaId(9), append: { clock: logs * 10 + clock, update: noise(900) } }] })
    }
  }
  assert.is(logs, 3)
  await store.close()
  remove()
})

test.run()
