import { createHash } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { logRoot, type ReplicaId } from '@tallymesh/crdt'
import { openLevelStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verifyDirectory } from '../src/verify-directory.js'
import { inLab } from './lab.js'
import { refusal } from './wait.js'

const verify = suite('verifyDirectory')

/** Every name below a directory, with a hash of what lies there. */
function fingerprint(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map(name => {
      const path = join(dir, name)
      const file = statSync(path).isFile() && !name.endsWith('LOCK')
      const hash = file ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return `${name} ${statSync(path).size} ${statSync(path).mtimeMs} ${hash}`
    })
}

verify(
  'tells what a whole directory holds, and changes nothing',
  inLab(async lab => {
    const node = await lab.open('a')
    for (let i = 0; i < 500; i++) node.counter(`k${i}`).increment(i + 1)
    await node.counter('k0').decrement()
    await node.close()
    const dataDir = lab.dir('a')
    const before = fingerprint(dataDir)
    const { store, bytes, ...found } = await verifyDirectory({ dataDir, room: 'lab' })
    assert.equal(found, { room: 'lab', keys: 500, slots: 500, logs: 1, commits: 1, damage: [] })
    assert.match(store, /^[0-9a-f]{32}$/)
    assert.ok(bytes > 1_000)
    assert.equal(fingerprint(dataDir), before)
    const again = await lab.open('a')
    assert.is(again.counter('k499').value, 500)
    await again.close()
  }),
)

verify(
  'refuses the directory of a node that runs, which goes on',
  inLab(async lab => {
    const node = await lab.open('a')
    await node.counter('x').increment()
    const dataDir = lab.dir('a')
    assert.is((await refusal('it runs', verifyDirectory({ dataDir }))).code, 'STORE_LOCKED')
    await node.counter('x').increment()
    assert.is(node.counter('x').value, 2)
  }),
)

verify(
  'says what is damaged in the files, and in the logs',
  inLab(async lab => {
    const node = await lab.open('a')
    for (let i = 0; i < 20; i++) await node.counter(`k${i % 5}`).increment()
    const id = node.stats.replica as string
    await node.close()
    const dataDir = lab.dir('a')
    const harmed = lab.dir('harmed')
    cpSync(dataDir, harmed, { recursive: true })
    const name = readdirSync(join(harmed, 'db')).find(name => name.endsWith('.log')) as string
    const bytes = readFileSync(join(harmed, 'db', name))
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] as number) ^ 1
    writeFileSync(join(harmed, 'db', name), bytes)
    const before = fingerprint(harmed)
    const found = await verifyDirectory({ dataDir: harmed })
    assert.ok(found.damage.length > 0)
    assert.match(found.damage.join('; '), name)
    assert.equal(fingerprint(harmed), before)
    // A store whose records are all whole, and whose logs make no sense.
    const store = await openLevelStore({ dir: dataDir, room: 'lab' })
    const log = Number.parseInt(id, 16) as ReplicaId
    await store.write({ logs: [{ log, append: { clock: 1_000, update: Uint8Array.of(1, 2, 3) } }] })
    await store.close()
    const odd = await verifyDirectory({ dataDir })
    assert.is(odd.damage.length, 1)
    assert.match(odd.damage[0] ?? '', new RegExp(`^log ${id} is damaged: `))
    assert.is(odd.keys, 5)
    assert.ok(logRoot(log))
  }),
)

verify(
  'refuses what is no data directory, and options that make no sense',
  inLab(async lab => {
    const code = async (options: unknown) => (await refusal('it', verifyDirectory(options as never))).code
    assert.is(await code({ dataDir: lab.dir('missing') }), 'STORE_UNUSABLE')
    assert.is(await code({ dataDir: lab.path }), 'STORE_UNUSABLE')
    for (const options of [undefined, null, 5, {}, { dataDir: 5 }, { dataDir: '' }, { dataDir: 'a\0b' }]) {
      assert.is(await code(options), 'INVALID_OPTION', JSON.stringify(options))
    }
    assert.is(await code({ dataDir: '.', room: '' }), 'INVALID_NAME')
    const node = await lab.open('a')
    await node.close()
    assert.is(await code({ dataDir: lab.dir('a'), room: 'other' }), 'STORE_WRONG_ROOM')
    rmSync(join(lab.dir('a'), 'db'), { recursive: true })
    const { damage, room, keys } = await verifyDirectory({ dataDir: lab.dir('a') })
    assert.equal({ damage, room, keys }, { damage: ['the database is missing'], room: 'lab', keys: 0 })
  }),
)

verify.run()
