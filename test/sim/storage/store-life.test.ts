import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SimStore } from './sim-store.js'
import { LONG_MS, loaded, StagedDisk, StagedLog, watch } from './staged-disk.js'

const test = suite('life of a simulated store')

test('a killed store settles nothing any more, and its disk is free', async () => {
  const staged = new StagedDisk(1)
  const store = staged.open()
  const log = new StagedLog()
  const [first, second] = [watch(store.write(log.next())), watch(store.write(log.next()))]
  await staged.pass(0)
  assert.throws(() => staged.open(), /open already/)
  store.kill()
  await staged.pass(LONG_MS)
  assert.equal([first.outcome, second.outcome], ['nothing', 'nothing'])
  staged.open()
})

test('what is written in one turn reaches the disk together', async () => {
  const found = new Set<number | undefined>()
  for (let seed = 1; seed <= 50; seed++) {
    const staged = new StagedDisk(seed)
    const store = staged.open()
    const log = new StagedLog()
    for (let i = 0; i < 4; i++) watch(store.write(log.next()))
    await staged.pass(2)
    store.kill()
    found.add(staged.disk.mark?.number)
  }
  assert.equal(found, new Set([undefined, 4]))
})

test('hooks come in the order of a write, before its promise', async () => {
  const staged = new StagedDisk(1)
  const seen: string[] = []
  const store = staged.open({
    writing: () => seen.push(`writing ${staged.disk.mark?.number ?? 0}`),
    landed: () => seen.push(`landed ${staged.disk.mark?.number ?? 0}`),
  })
  const written = store.write(new StagedLog().next()).then(() => seen.push('resolved'))
  assert.is(await staged.outcome(written), 'ok')
  assert.equal(seen, ['writing 0', 'landed 1', 'resolved'])
})

test('a process killed as it begins to write leaves nothing, one killed when it landed leaves all', async () => {
  for (const [point, number] of [
    ['writing', undefined],
    ['landed', 1],
  ] as const) {
    const staged = new StagedDisk(1)
    const store: SimStore = staged.open({ [point]: () => store.kill() })
    assert.is(await staged.outcome(store.write(new StagedLog().next())), 'nothing', point)
    const next = staged.open()
    assert.is(next.lastCommit?.number, number, point)
    assert.is((await loaded(next)).length, number ?? 0, point)
  }
})

test('a failed write may be on the disk or not, and nothing is taken until the store is reopened', async () => {
  const found = new Set<number | undefined>()
  for (let seed = 1; seed <= 40; seed++) {
    const staged = new StagedDisk(seed)
    const store = staged.open()
    const log = new StagedLog()
    assert.is(await staged.outcome(store.write(log.next())), 'ok')
    staged.disk.failNext = true
    assert.is(await staged.outcome(store.write(log.next())), 'STORE_WRITE_FAILED')
    assert.is(await staged.outcome(store.write(log.next())), 'STORE_WRITE_FAILED')
    assert.is(store.lastCommit?.number, 1, 'what failed counts as durable before the store was reopened')
    await store.reopen()
    found.add(store.lastCommit?.number)
    assert.is((await loaded(store))[0]?.updates.length, store.lastCommit?.number)
  }
  assert.equal(found, new Set([1, 2]))
})

test('a full disk refuses until there is room', async () => {
  const staged = new StagedDisk(1)
  const store = staged.open()
  const write = new StagedLog().next()
  staged.disk.setMode('full')
  assert.is(await staged.outcome(store.write(write)), 'STORE_WRITE_FAILED')
  assert.is(staged.disk.mark, undefined)
  staged.disk.setMode('ok')
  assert.is(await staged.outcome(store.write(write)), 'STORE_WRITE_FAILED', 'taken before it was reopened')
  await store.reopen()
  assert.is(await staged.outcome(store.write(write)), 'ok')
})

test('a stuck disk ends nothing until it goes on', async () => {
  const staged = new StagedDisk(1)
  const store = staged.open()
  staged.disk.setMode('stuck')
  const write = store.write(new StagedLog().next())
  assert.is(await staged.outcome(write), 'nothing')
  assert.is(store.lastCommit, undefined)
  staged.disk.setMode('ok')
  assert.is(await staged.outcome(write), 'ok')
})

test('a slow disk takes at least half, and at most half more than its time', async () => {
  const staged = new StagedDisk(1)
  const store = staged.open()
  staged.disk.setMode('slow', 1000)
  const write = watch(store.write(new StagedLog().next()))
  await staged.pass(490)
  assert.is(write.outcome, 'nothing')
  await staged.pass(1100)
  assert.is(write.outcome, 'ok')
})

test.run()
