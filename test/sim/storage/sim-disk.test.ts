import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawsOf, streamOf } from '../draw.js'
import { LOG, LONG_MS, loaded, OTHER, StagedDisk, StagedLog } from './staged-disk.js'

const test = suite('simulated disk')

/** A disk with so many commits, and no process. */
async function filled(seed: number, commits: number, log = new StagedLog()): Promise<StagedDisk> {
  const staged = new StagedDisk(seed)
  const store = staged.open()
  for (let i = 0; i < commits; i++) assert.is(await staged.outcome(store.write(log.next())), 'ok')
  store.kill()
  return staged
}

/** Writes one commit after the other until it is killed at a drawn moment; answers how many were begun and acknowledged. */
async function killedInTheMiddle(staged: StagedDisk): Promise<{ begun: number; acknowledged: number }> {
  const store = staged.open()
  const log = new StagedLog()
  const counts = { begun: 0, acknowledged: 0 }
  const work = async (): Promise<void> => {
    for (;;) {
      counts.begun++
      await store.write(log.next())
      counts.acknowledged++
    }
  }
  work().catch(() => {})
  await staged.pass(10 + 20 * streamOf(drawsOf(staged.seed), 'kill').next())
  store.kill()
  return { ...counts }
}

test('a kill and a power loss keep what was acknowledged, and nothing that was not begun', async () => {
  const lost = new Set<boolean>()
  for (let seed = 1; seed <= 150; seed++) {
    const staged = new StagedDisk(seed)
    const { begun, acknowledged } = await killedInTheMiddle(staged)
    const before = staged.disk.mark?.number ?? 0
    if (seed % 2) staged.disk.powerLoss()
    const after = staged.disk.mark?.number ?? 0
    lost.add(after < before)
    if (seed % 2 === 0) assert.is(after, before, `seed ${seed}: a kill lost what was written`)
    assert.ok(acknowledged <= after && after <= begun, `seed ${seed}: ${after} of ${acknowledged} to ${begun}`)
    const next = staged.open()
    assert.is(next.lastCommit?.number ?? 0, after)
    assert.is((await loaded(next))[0]?.updates.length ?? 0, after)
    assert.is(staged.disk.clock(LOG), after)
  }
  assert.is(lost.size, 2, 'power loss always or never takes what is written and not synced')
})

test('what a process found when it opened the disk stays through a power loss', async () => {
  let found = 0
  for (let seed = 1; seed <= 60; seed++) {
    const staged = new StagedDisk(seed)
    const { acknowledged } = await killedInTheMiddle(staged)
    const next = staged.open()
    const { lastCommit } = next
    if ((lastCommit?.number ?? 0) > acknowledged) found++
    next.kill()
    staged.disk.powerLoss()
    assert.equal(staged.disk.mark, lastCommit, `seed ${seed}`)
  }
  assert.ok(found > 0, 'no seed left a write that was not acknowledged')
})

test('an earlier state comes back, and is one more step', async () => {
  const staged = await filled(1, 5)
  assert.is(staged.disk.steps, 5)
  staged.disk.rollback(2)
  assert.is(staged.disk.mark?.number, 3)
  assert.is(staged.disk.clock(LOG), 3)
  assert.is(staged.disk.steps, 6)
  staged.disk.rollback(1)
  assert.is(staged.disk.mark?.number, 5)
  staged.disk.rollback(7)
  assert.is(staged.disk.mark, undefined)
  assert.throws(() => staged.disk.rollback(staged.disk.steps + 1), RangeError)
})

test('a copy is the same store, and lives on its own', async () => {
  const staged = await filled(1, 3)
  const original = staged.disk
  const copy = original.copy('disk b 1')
  assert.is(copy.storeId, original.storeId)
  assert.is(copy.clock(LOG), 3)
  copy.rollback(1)
  assert.is(copy.mark, undefined, 'a copy has no past but an empty disk')
  assert.is(original.mark?.number, 3)
})

test('a wiped disk is another store, and empty', async () => {
  const { disk } = await filled(1, 3)
  const wiped = disk.wiped('disk a 2')
  assert.match(wiped.storeId, /^[0-9a-f]{32}$/)
  assert.is.not(wiped.storeId, disk.storeId)
  assert.equal([wiped.steps, wiped.mark, wiped.clock(LOG)], [0, undefined, 0])
})

test('a flipped record is found: refused, or left out and said', async () => {
  const staged = await filled(1, 5)
  const other = staged.open()
  const whole = new StagedLog(OTHER)
  assert.is(await staged.outcome(other.write({ logs: whole.next().logs })), 'ok')
  other.kill()
  assert.is(staged.disk.flip(2), true)
  for (const _ of [1, 2]) assert.throws(() => staged.open(), /log 9f3: .*checksum/)
  const repaired = staged.open({}, true)
  assert.is(repaired.damage.length, 1)
  assert.is(repaired.lastCommit?.tip, 0, 'a damaged store passes for current')
  const logs = await loaded(repaired)
  assert.equal(
    logs.map(({ log, updates, damage }) => [log, updates.length, damage !== undefined]),
    [
      [LOG, 4, true],
      [OTHER, 1, false],
    ],
  )
  repaired.kill()
  assert.equal(staged.open().damage, [], 'what was repaired is damaged again')
})

test('flips name any record in turn, and none where none is whole', async () => {
  const { disk } = await filled(1, 3)
  for (const record of [7, 0, 5]) assert.is(disk.flip(record), true)
  assert.is(disk.flip(0), false)
  assert.is(disk.wiped('disk a 2').flip(0), false)
})

test('a clock says up to where a log is stored, and up to where nothing of it is missing', async () => {
  const { disk } = await filled(1, 5)
  assert.equal([disk.clock(LOG), disk.wholeClock(LOG)], [5, 5])
  disk.flip(2)
  assert.equal([disk.clock(LOG), disk.wholeClock(LOG)], [5, 0])
  assert.equal([disk.clock(OTHER), disk.wholeClock(OTHER)], [0, 0])
})

test('the same seed takes the same time, another seed another', async () => {
  const times = async (seed: number): Promise<number[]> => {
    const staged = new StagedDisk(seed)
    const store = staged.open()
    const log = new StagedLog()
    const moments: number[] = []
    const work = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        await store.write(log.next())
        moments.push(staged.time.nowMs)
      }
    }
    assert.is(await staged.outcome(work()), 'ok')
    return moments
  }
  const [first, again, other] = [await times(7), await times(7), await times(8)]
  assert.equal(first, again)
  assert.not.equal(first, other)
})

test('a long past costs no copies: a thousand states are there to put back', async () => {
  const staged = new StagedDisk(1)
  const store = staged.open()
  const write = async (): Promise<void> => {
    for (let clock = 0; clock < 1000; clock++) {
      const update = Uint8Array.of(clock & 0xff)
      const head = { clock: Math.max(0, clock - 9), update }
      await store.write({ logs: [{ log: LOG, append: { clock, update }, head }] })
    }
  }
  assert.is(await staged.outcome(write()), 'ok')
  store.kill()
  assert.is(staged.disk.steps, 1000)
  staged.disk.rollback(999)
  const next = staged.open()
  await staged.pass(LONG_MS)
  assert.equal(
    (await loaded(next)).map(({ updates }) => updates.length),
    [2],
  )
})

test.run()
