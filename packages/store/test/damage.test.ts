import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommitMark, TallymeshError } from '@tallymesh/crdt'
import { openLevelStore, type Store } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { commitOf, contentAfter, contentOf, sameContent } from './history.js'
import { seeded } from './random.js'
import { FAST, temporary } from './temporary.js'

const COMMITS = 400
const SEED = Number(process.env.SEED ?? 17)
const test = suite('damage on disk')
const base = temporary(FAST)
const work = temporary(FAST)

/** Opens a copy of the base directory after `harm` was done to it. */
async function openHarmed(harm: (dir: string) => void, salvage = false): Promise<Store | TallymeshError> {
  rmSync(work.path, { recursive: true, force: true })
  cpSync(base.path, work.path, { recursive: true })
  harm(work.path)
  return openAgain(salvage)
}

function openAgain(salvage = false): Promise<Store | TallymeshError> {
  return openLevelStore({ dir: work.path, room: 'shop', salvage, random: seeded(SEED) }).catch(error => {
    assert.instance(error, TallymeshError)
    return error as TallymeshError
  })
}

const database = (name: string) => join('db', name)
const named = (pattern: RegExp) => readdirSync(join(base.path, 'db')).filter(name => pattern.test(name))
const log = () => database(named(/\.log$/)[0] as string)

test.before(async () => {
  // Two openings: the first half of the history lies in tables, the second in the write-ahead log.
  for (const from of [1, COMMITS / 2 + 1]) {
    const store = await openLevelStore({ dir: base.path, room: 'shop' })
    for (let number = from; number < from + COMMITS / 2; number++) await store.write(commitOf(number))
    await store.close()
  }
  assert.is(named(/\.ldb$/).length, 2)
  assert.is(named(/\.log$/).length, 1)
})

test.after(() => {
  base.remove()
  work.remove()
})

test('the history is whole without damage', async () => {
  const store = await openHarmed(() => undefined)
  if (store instanceof TallymeshError) throw store
  assert.equal(store.damage, [])
  assert.ok(sameContent((await contentOf(store)).logs, contentAfter(COMMITS)))
  await store.close()
})

/** Either refused, or all there. */
async function checkFlip(file: string, position: number, bit: number): Promise<'found' | 'harmless'> {
  const where = `byte ${position} of ${file}, bit ${bit}: SEED=${SEED}`
  const flip = (dir: string) => {
    const bytes = readFileSync(join(dir, file))
    bytes[position] = (bytes[position] as number) ^ (1 << bit)
    writeFileSync(join(dir, file), bytes)
  }
  const outcome = await openHarmed(flip)
  if (outcome instanceof TallymeshError) {
    assert.match(outcome.code, /^STORE_(CORRUPT|UNSUPPORTED)$/, where)
    if (position % 5 === 0 && outcome.code === 'STORE_CORRUPT') await checkSalvage(flip, where)
    return 'found'
  }
  assert.is(outcome.lastCommit?.number, COMMITS, where)
  const { logs, damaged } = await contentOf(outcome)
  assert.ok(sameContent(logs, contentAfter(COMMITS)), `silently wrong after ${where}`)
  assert.is(damaged.size, 0, where)
  await outcome.close()
  return 'harmless'
}

async function checkSalvage(harm: (dir: string) => void, where: string): Promise<void> {
  const store = await openHarmed(harm, true)
  if (store instanceof TallymeshError) throw store
  assert.ok(store.damage.length > 0, where)
  const { logs, damaged } = await contentOf(store)
  const whole = contentAfter(COMMITS)
  for (const [log, updates] of logs) {
    if (JSON.stringify(updates) !== JSON.stringify(whole.get(log))) assert.ok(damaged.has(log), where)
  }
  await store.write(commitOf(COMMITS + 1))
  const after = await contentOf(store)
  await store.close()
  const again = await openAgain()
  if (again instanceof TallymeshError) throw again
  assert.equal(again.damage, [], where)
  assert.is(again.id, store.id)
  assert.ok(sameContent((await contentOf(again)).logs, after.logs), where)
  await again.close()
}

for (const [what, pattern, samples] of [
  ['the write-ahead log', /\.log$/, 150],
  ['a table', /\.ldb$/, 150],
  ['the manifest', /^MANIFEST/, 80],
  ['CURRENT', /^CURRENT$/, 16],
] as const) {
  test(`a flipped bit in ${what} is found or harmless`, async () => {
    const file = database(named(pattern).at(-1) as string)
    await checkFlips(file, samples, 0.8)
  })
}

test('a flipped bit in the marker is found or harmless', () => checkFlips('tallymesh.json', 60, 0.4))

async function checkFlips(file: string, samples: number, foundMin: number): Promise<void> {
  const { length } = readFileSync(join(base.path, file))
  const random = seeded(SEED)
  const count = Math.min(samples, length)
  let found = 0
  for (let sample = 0; sample < count; sample++) {
    // Spread over the file, the last bytes always among them.
    const position = sample < 12 ? length - 1 - sample : Math.floor(random() * length)
    if ((await checkFlip(file, Math.max(0, position), Math.floor(random() * 8))) === 'found') found += 1
  }
  assert.ok(found >= count * foundMin, `${found} of ${count} flips in ${file} were found`)
}

test('every header byte of the last record of the log is guarded', async () => {
  const file = log()
  const bytes = readFileSync(join(base.path, file))
  let at = 0
  let last = 0
  while (at < bytes.length) {
    const left = 32768 - (at % 32768)
    if (left < 7) {
      at += left
      continue
    }
    last = at
    at += 7 + bytes.readUInt16LE(at + 4)
  }
  for (let offset = 0; offset < 7; offset++) {
    for (const bit of [0, 4, 7]) assert.is(await checkFlip(file, last + offset, bit), 'found', `header byte ${offset}`)
  }
})

test('a log that was cut off anywhere holds a whole prefix of the history', async () => {
  const { length } = readFileSync(join(base.path, log()))
  const random = seeded(SEED)
  for (let sample = 0; sample < 60; sample++) {
    const cut = sample < 10 ? length - 1 - sample : Math.floor(random() * length)
    const store = await openHarmed(dir =>
      writeFileSync(join(dir, log()), readFileSync(join(dir, log())).subarray(0, cut)),
    )
    if (store instanceof TallymeshError) throw store
    assert.equal(store.damage, [])
    const last = store.lastCommit?.number as number
    assert.ok(last >= COMMITS / 2 && last < COMMITS)
    assert.ok(sameContent((await contentOf(store)).logs, contentAfter(last)), `cut at ${cut}, SEED=${SEED}`)
    await store.close()
  }
})

test('a log that ends in zeros, as a power failure leaves it, is cut off and not damaged', async () => {
  const bytes = readFileSync(join(base.path, log()))
  const sector = Math.floor((bytes.length - 9) / 512) * 512
  for (const tail of [Buffer.alloc(0), Buffer.alloc(5000)]) {
    const store = await openHarmed(dir => {
      writeFileSync(
        join(dir, log()),
        Buffer.concat([bytes.subarray(0, sector), Buffer.alloc(bytes.length - sector), tail]),
      )
    })
    if (store instanceof TallymeshError) throw store
    const last = store.lastCommit?.number as number
    assert.ok(last < COMMITS && last >= COMMITS - 4, `${last}`)
    assert.ok(sameContent((await contentOf(store)).logs, contentAfter(last)))
    await store.close()
  }
  const padded = await openHarmed(dir => writeFileSync(join(dir, log()), Buffer.concat([bytes, Buffer.alloc(9000)])))
  if (padded instanceof TallymeshError) throw padded
  assert.is(padded.lastCommit?.number, COMMITS)
  await padded.close()
})

test('zeros within a log are damage', async () => {
  const outcome = await openHarmed(dir => {
    const bytes = readFileSync(join(dir, log()))
    writeFileSync(join(dir, log()), bytes.fill(0, 4096, 8192))
  })
  assert.is((outcome as TallymeshError).code, 'STORE_CORRUPT')
  assert.match((outcome as TallymeshError).message, /open it with repair: true \(--repair\)/)
})

test('a log that ends within a record before another one goes on is damage', async () => {
  const harm = (dir: string) => {
    const bytes = readFileSync(join(dir, log()))
    const next = String(Number.parseInt(named(/\.log$/)[0] as string, 10) + 50).padStart(6, '0')
    writeFileSync(join(dir, 'db', `${next}.log`), bytes)
    writeFileSync(join(dir, log()), bytes.subarray(0, bytes.length - 3))
  }
  const outcome = (await openHarmed(harm)) as TallymeshError
  assert.is(outcome.code, 'STORE_CORRUPT')
  assert.match(outcome.message, /ends within a record, but 0000\d\d\.log goes on/)
})

for (const [what, file] of [
  ['CURRENT', () => database('CURRENT')],
  ['the manifest', () => database(named(/^MANIFEST/)[0] as string)],
  ['the write-ahead log', log],
  ['a table', () => database(named(/\.ldb$/).at(-1) as string)],
  ['the database', () => 'db'],
] as const) {
  test(`without ${what} the store is damaged, not empty`, async () => {
    const harm = (dir: string) => rmSync(join(dir, file()), { recursive: true })
    const outcome = (await openHarmed(harm)) as TallymeshError
    assert.is(outcome.code, 'STORE_CORRUPT')
    assert.match(outcome.message, /missing/)
    assert.match(outcome.message, /Restore the directory from a backup/)
    await checkSalvage(harm, what)
  })
}

test('a table that was cut short, or of which the index is damaged, never reaches LevelDB', async () => {
  const file = database(named(/\.ldb$/).at(-1) as string)
  for (const harm of [
    (bytes: Buffer) => bytes.subarray(0, bytes.length - 100),
    (bytes: Buffer) => bytes.fill(0xff, bytes.length - 120, bytes.length - 60),
    (bytes: Buffer) => bytes.fill(0xff, bytes.length - 48, bytes.length - 30),
    (bytes: Buffer) => bytes.fill(0, bytes.length - 8),
  ]) {
    const apply = (dir: string) => writeFileSync(join(dir, file), harm(readFileSync(join(dir, file))))
    assert.is(((await openHarmed(apply)) as TallymeshError).code, 'STORE_CORRUPT')
    await checkSalvage(apply, 'table')
  }
})

test('salvage keeps the damaged database untouched, and of the last commit the tips are forgotten', async () => {
  const file = database(named(/\.ldb$/).at(-1) as string)
  const harm = (dir: string) => writeFileSync(join(dir, file), readFileSync(join(dir, file)).fill(7, 300, 340))
  const store = (await openHarmed(harm, true)) as Store
  const { number, tip, before } = store.lastCommit as CommitMark
  assert.equal([number, tip, before], [COMMITS, 0, 0])
  assert.is(store.created, false)
  assert.match(store.damage.join('\n'), /damaged database is in db\.damaged-1/)
  const { logs } = await contentOf(store)
  assert.ok(logs.size > 0)
  const kept = readFileSync(join(work.path, 'db.damaged-1', named(/\.ldb$/).at(-1) as string))
  assert.is(kept[320], 7)
  // A crash between moving the old one aside and the new one in: the next salvage reads what was set aside.
  await store.close()
  rmSync(join(work.path, 'db'), { recursive: true })
  assert.is(((await openAgain()) as TallymeshError).code, 'STORE_CORRUPT')
  const again = (await openAgain(true)) as Store
  assert.ok(sameContent((await contentOf(again)).logs, logs))
  await again.close()
})

test('a damaged marker is written anew by salvage and leaves the logs alone', async () => {
  const store = (await openHarmed(dir => writeFileSync(join(dir, 'tallymesh.json'), '[1'), true)) as Store
  assert.equal(store.damage, ['the file tallymesh.json is damaged'])
  assert.is((await contentOf(store)).damaged.size, 0)
  assert.is(store.lastCommit?.number, COMMITS)
  await store.close()
  const again = (await openAgain()) as Store
  assert.equal(again.damage, [])
  await again.close()
})

test.run()
