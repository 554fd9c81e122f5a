// deadline: 300 s
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLevelStore } from '@tallymesh/store'
import { type NodeOptions, openNode, TallymeshError, type TallymeshNode } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, Cluster } from '../cluster/cluster.js'
import type { NodeHandle } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'
import { Cleaning } from './cleaning.js'
import { contentOf, recordEnds, StoreImage } from './corruption-image.js'
import { Seed } from './seed.js'

/** Every bit of every byte. That takes minutes, more than the runner allows: start this file alone. */
const EVERY = process.env.EVERY === '1'
/** Of one file; of a longer one every k-th byte is tested. */
const POSITIONS_MAX = EVERY ? Number.POSITIVE_INFINITY : 4_000
const SINGLE_BITS = [1, 2, 4, 8, 16, 32, 64, 128]
/** How a byte changes: mostly in one bit, which a checksum finds least easily. */
const CHANGES = [...SINGLE_BITS, 0xff]
/** Of each file, damaged somewhere. */
const REPAIRS = EVERY ? 4 : 2
const OPEN_MS_MAX = 20_000
const FOUND = /^STORE_(CORRUPT|UNSUPPORTED)$/

const test = suite('corruption of every byte')
const seed = new Seed('corruption')
// Thousands of stores are opened: in memory, where there is such a place.
const work = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tallymesh-corruption-'))
const cleaning = new Cleaning('rm -rf "$1"', work)
const dataDir = join(work, 'a')
const cluster = new Cluster()

/** As a node was killed: its last commits lie in the write-ahead log. */
let killed: StoreImage
/** As it was killed after another start: what it held then lies in tables. */
let reopened: StoreImage
/** Of the machine, at the moment of `killed`. */
const runtimeDir = join(work, 'run-of-killed')
let peer: NodeHandle

test.before(async () => {
  const [b, a] = await cluster.startAll('b', 'a')
  assert.ok(a && b)
  peer = b
  for (const [key, amount] of [
    ['orders', 3],
    ['stock{shelf="1"}', -5],
  ] as const) {
    await b.add(key, amount * 100, { replicas: 2 })
    // A commit of its own is the last: the witness tells of those alone.
    await a.add(key, amount, { replicas: 2 })
  }
  await a.kill()
  killed = new StoreImage(cluster.dataDir('a'))
  cpSync(cluster.runtimeDir, runtimeDir, { recursive: true })
  const again = await cluster.start('a')
  await again.linked(1)
  await again.add('orders', 50_000, { replicas: 2 })
  await b.add('carts', 1, { replicas: 2 })
  await again.kill()
  reopened = new StoreImage(cluster.dataDir('a'))
})

test.after(async () => {
  await cluster.remove()
  await cleaning.run()
})

/** Opens the store in the working directory: its content, or why it was refused. */
async function open(where: string): Promise<string | TallymeshError> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${where}: opening took longer than ${OPEN_MS_MAX} ms`)), OPEN_MS_MAX)
  })
  try {
    const store = await Promise.race([openLevelStore({ dir: dataDir, room: 'shop' }), late])
    const content = await contentOf(store)
    await store.close()
    return content
  } catch (error) {
    if (error instanceof TallymeshError) return error
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** Flips bits in one byte after another: each is found and said, or changes nothing. */
async function flipEach(image: StoreImage, pattern: RegExp, foundMin: number): Promise<void> {
  const path = image.path(pattern)
  const { length } = image.bytes(path)
  image.write(dataDir)
  const whole = await open('undamaged')
  assert.type(whole, 'string')
  const step = Math.ceil(length / POSITIONS_MAX)
  let [flips, found] = [0, 0]
  for (let position = 0; position < length; position += step) {
    for (const mask of EVERY ? CHANGES : [seed.pick(CHANGES)]) {
      const where = `byte ${position} of ${length} of ${path} flipped by ${mask}`
      image.write(dataDir, path, image.flipped(path, position, mask))
      const outcome = await open(where)
      flips++
      if (outcome instanceof TallymeshError) {
        found++
        assert.match(outcome.code, FOUND, `${where}: ${outcome.message}`)
      } else assert.ok(outcome === whole, `${where}: silently other content`)
    }
  }
  console.log(
    `${path}: ${flips} flips in ${Math.ceil(length / step)} of ${length} bytes, ${found} found, no other harm`,
  )
  assert.ok(found >= flips * foundMin, `${found} of ${flips} flips in ${path} were found`)
}

const WAL = /^db\/\d+\.log$/
const MANIFEST = /^db\/MANIFEST-\d+$/
const CURRENT = /^db\/CURRENT$/
const MARKER = /^tallymesh\.json$/
/** The newest table: of a store that was started twice it holds the commits. */
const table = (image: StoreImage) =>
  new RegExp(
    `^${image.paths
      .filter(path => path.endsWith('.ldb'))
      .sort()
      .at(-1)}$`,
  )

test('of a write-ahead log is found', () => flipEach(killed, WAL, 1))
test('of the log that a later start wrote is found', () => flipEach(reopened, WAL, 1))
test('of a table is found, or harmless', () => flipEach(reopened, table(reopened), 0.9))
test('of the table that every store begins with is found, or harmless', () => flipEach(killed, table(killed), 0.8))
test('of a manifest is found, or harmless', () => flipEach(killed, MANIFEST, 0.9))
test('of a longer manifest is found, or harmless', () => flipEach(reopened, MANIFEST, 0.9))
test('of CURRENT is found', () => flipEach(killed, CURRENT, 1))
test('of the marker is found, or harmless', () => flipEach(killed, MARKER, 0.4))
test("of the lock's own files is harmless: they hold nothing", async () => {
  for (const path of killed.paths.filter(name => name.startsWith('lock/'))) {
    await flipEach(killed, new RegExp(`^${path}$`), 0)
  }
})

function nodeOptions(changes: Partial<NodeOptions> = {}): NodeOptions {
  return { name: 'a', room: 'shop', dataDir, runtimeDir: join(work, 'run'), closeTimeoutMs: 500, ...changes }
}

/** Opens a node, and runs `check` with it and the codes of what it reports. */
async function withNode(
  options: NodeOptions,
  check: (node: TallymeshNode, reported: string[]) => Promise<void>,
): Promise<void> {
  const node = await openNode(options)
  const reported: string[] = []
  try {
    node.on('error', ({ code }) => reported.push(code))
    await check(node, reported)
  } finally {
    await node.close()
  }
}

/** Waits until the node holds exactly what the peer does, then counts on: both show it. */
async function cameBack(node: TallymeshNode, where: string): Promise<void> {
  const wanted = JSON.stringify(await peer.call('counters'))
  await until(`${where}: what the peer holds`, () => {
    const held = JSON.stringify([...node.counters()])
    return held === wanted || `${held} instead of ${wanted}`
  })
  await node.counter('after').increment(1, { replicas: 2 })
  await allShow([peer], 'after', node.counter('after').value)
}

const peerUrl = () => `ws://127.0.0.1:${peer.options.listen?.port}/`

/** Damages files until a start is refused for it, then opens with `repair` beside the peer. */
async function repairSome(image: StoreImage, path: string, times: number): Promise<void> {
  const { length } = image.bytes(path)
  for (let repaired = 0, attempts = 0; repaired < times && attempts < 20; attempts++) {
    const position = seed.between(0, length - 1)
    const where = `byte ${position} of ${length} of ${path}, SEED=${seed.number}`
    image.write(dataDir, path, image.flipped(path, position, 0xff))
    rmSync(join(work, 'run'), { recursive: true, force: true })
    // As on the machine that it ran on, or as on another one.
    if (image === killed && seed.chance(0.5)) cpSync(runtimeDir, join(work, 'run'), { recursive: true })
    const refused = await openNode(nodeOptions()).catch(error => error as TallymeshError)
    if (!(refused instanceof TallymeshError)) {
      await refused.close()
      continue
    }
    assert.match(refused.code, FOUND, where)
    // A newer version's directory is not to be repaired.
    if (refused.code === 'STORE_UNSUPPORTED') continue
    repaired++
    await withNode(nodeOptions({ repair: true, peers: [peerUrl()] }), async (node, reported) => {
      await cameBack(node, where)
      assert.ok(reported.includes('STORE_CORRUPT'), `${where}: reported ${reported.join(' ')}`)
    })
    // What was repaired is whole.
    assert.type(await open(where), 'string', where)
  }
}

test('is repaired, and with a peer every value comes back', async () => {
  for (const image of [killed, reopened]) {
    for (const path of image.paths.filter(name => !name.startsWith('lock/'))) await repairSome(image, path, REPAIRS)
  }
})

test('a log cut where a record ends looks like an older store, and the witness alone tells', async () => {
  const path = killed.path(WAL)
  const log = killed.bytes(path)
  const ends = recordEnds(log)
  assert.is(ends.at(-1), log.length)
  const contents = new Set<unknown>()
  for (const end of ends) {
    killed.write(dataDir, path, log.subarray(0, end))
    contents.add(await open(`cut at ${end}`))
  }
  assert.is(contents.size, ends.length, 'each record shows')
  assert.ok([...contents].every(content => typeof content === 'string'))
  for (const end of [0, ends[ends.length >> 1], ends.at(-2)]) {
    const where = `cut at ${end} of ${log.length}`
    killed.write(dataDir, path, log.subarray(0, end))
    rmSync(join(work, 'run'), { recursive: true, force: true })
    cpSync(runtimeDir, join(work, 'run'), { recursive: true })
    await withNode(nodeOptions({ peers: [peerUrl()] }), async (node, reported) => {
      await cameBack(node, where)
      assert.ok(reported.includes('STORE_BEHIND'), `${where}: reported ${reported.join(' ')}`)
    })
  }
})

test.run()
