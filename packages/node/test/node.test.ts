import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import { Replica } from '@tallymesh/replica'
import { MemoryDisk, MemoryStore, openWitness } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openNode } from '../src/index.js'
import { Lifecycle } from '../src/lifecycle.js'
import { TallymeshNode } from '../src/node.js'
import { checkOptions } from '../src/options.js'
import { cryptoRandom } from '../src/random.js'
import { agreed, Gate, inLab, type Lab, meshed } from './lab.js'
import { isPending, refusal, thrown, turn, until, within } from './wait.js'

const node = suite('node')

node(
  'lists what was counted, in key order',
  inLab(async lab => {
    const a = await lab.open('a')
    await Promise.all(['orders', 'b', 'order', 'a'].map(name => a.counter(name).increment()))
    a.counter('orders', { region: 'eu' }).decrement(2)
    a.counter('named only')
    assert.equal(
      [...a.counters()],
      [
        ['a', 1],
        ['b', 1],
        ['order', 1],
        ['orders', 1],
        ['orders{region="eu"}', -2],
      ],
    )
    assert.equal(
      [...a.counters({ prefix: 'orders' })].map(([key]) => key),
      ['orders', 'orders{region="eu"}'],
    )
    assert.equal([...a.counters({ prefix: 'x' })], [])
    for (const [key] of a.counters()) a.counter(`${key}!`).increment()
    assert.is([...a.counters()].length, 10)
  }),
)

node(
  'reads without counting, in pages',
  inLab(async lab => {
    const a = await lab.memory('a')
    await a.add(['b', 'a', 'orders', 'orders{region="eu"}'].map(key => ({ key, add: 2 })))
    const page = (options: { prefix?: string; after?: string }) => [...a.readers(options)].map(({ key }) => key)
    assert.equal(page({}), ['a', 'b', 'orders', 'orders{region="eu"}'])
    assert.equal(page({ after: 'b' }), ['orders', 'orders{region="eu"}'])
    assert.equal(page({ prefix: 'orders', after: 'orders' }), ['orders{region="eu"}'])
    assert.equal([a.keyCount(), a.keyCount('orders'), a.keyCount('x')], [4, 2, 0])
    const { keys } = a.stats
    assert.equal(a.reader('never').totals, { increments: 0n, decrements: 0n })
    assert.is(a.reader('orders{region="eu"}').value, 2n)
    assert.is(a.stats.keys, keys)
    assert.is(thrown(() => a.reader('')).code, 'INVALID_NAME')
  }),
)

node(
  'exports what it holds; another room takes it in once, however often it is imported',
  inLab(async lab => {
    const a = await lab.memory('a')
    const b = await lab.memory('b', { room: 'other' })
    await a.add([
      { key: 'orders', add: 5 },
      { key: 'orders', add: -2 },
      { key: 'stock', add: 1 },
    ])
    const exported = await a.exportSlots()
    await a.counter('stock').increment(100)
    const { replica } = a.stats
    assert.equal(
      [...exported],
      [
        { key: 'orders', replica, increments: 5, decrements: 2 },
        { key: 'stock', replica, increments: 1, decrements: 0 },
      ],
    )
    await b.counter('stock').increment(10)
    assert.is(await b.importSlots(exported), 2)
    assert.equal([b.counter('orders').value, b.counter('stock').value], [3, 11])
    const { commits } = b.stats
    assert.is(await b.importSlots(exported), 0)
    assert.equal([b.counter('orders').value, b.stats.commits], [3, commits])
    assert.is((await refusal('it is no slot', b.importSlots([{} as never]))).code, 'INVALID_OPTION')
  }),
)

node(
  'goes on where it was after a restart, under its id',
  inLab(async lab => {
    const a = await lab.open('a')
    await a.counter('k').increment(3)
    const { replica, commits } = a.stats
    assert.is(commits, 1)
    await a.close()
    const again = await lab.open('a')
    assert.is(again.counter('k').value, 3)
    await again.counter('k').increment()
    assert.is(again.stats.replica, replica)
    assert.equal([again.stats.keys, again.stats.logs, again.stats.commits], [1, 1, 2])
    assert.equal(lab.codes(again), [])
    assert.is(again.name, 'a')
    assert.is(again.room, 'lab')
  }),
)

node(
  'takes a fresh id without a witness, and says why there is none',
  inLab(async lab => {
    const a = await lab.open('a', { runtimeDir: false })
    await a.counter('k').increment()
    const { replica } = a.stats
    await a.close()
    assert.equal(lab.codes(a), [])
    writeFileSync(lab.dir('file'), '')
    const again = await lab.open('a', { runtimeDir: lab.dir('file') })
    await again.counter('k').increment()
    assert.is.not(again.stats.replica, replica)
    assert.equal(lab.codes(again), ['WITNESS_UNAVAILABLE'])
    assert.is(again.counter('k').value, 2)
  }),
)

node(
  'says that its directory was wiped',
  inLab(async lab => {
    for (const [peers, then] of [
      [[], /is a room of its own until/],
      [['ws://127.0.0.1:9'], /peers send back/],
    ] as const) {
      const a = await lab.open('a')
      await a.counter('k').increment()
      await a.close()
      rmSync(lab.dir('a'), { recursive: true })
      const again = await lab.open('a', { peers: [...peers] })
      await turn()
      assert.equal(lab.codes(again), ['STORE_WIPED'])
      assert.match(lab.told(again).errors[0]?.message ?? '', then)
      await again.close()
    }
  }),
)

node(
  'flushes to its peers when it closes, frees port and directory, and refuses from then on',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    const port = Number(new URL(b.url as string).port)
    const orders = b.counter('orders')
    const last = orders.increment(9)
    const watching = (async () => {
      const seen: number[] = []
      for await (const value of orders.watch()) seen.push(value)
      return seen
    })()
    const closes = [b.close(), b.close()]
    assert.is(closes[0], closes[1])
    await within('the node closes', Promise.all(closes))
    await last
    assert.is(a.counter('orders').value, 9, 'the peer has it')
    assert.ok((await within('the loop ends', watching)).includes(9) || orders.value === 9)
    assert.is((await refusal('counting is refused', orders.increment())).code, 'NODE_CLOSED')
    assert.is((await refusal('so is removing', b.removeMember('a'))).code, 'MEMBER_UP')
    assert.is(b.url, `ws://127.0.0.1:${port}/`)
    assert.is(b.members().length, 2)
    await b.close()
    assert.equal(lab.told(b).states, ['draining', 'closed'])
    const again = await lab.open('b', { listen: { port }, peers: [a.url as string] })
    await meshed(a, again)
    assert.is(again.counter('orders').value, 9)
  }),
)

node(
  'closes in time although peers never stop to count',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    let busy = true
    const counting = (async () => {
      while (busy) {
        await a.counter('k').increment()
        await turn()
      }
    })()
    await b.counter('k').increment()
    await within('the node closes', b.close(), 5_000)
    busy = false
    await counting
  }),
)

node(
  'waits for a majority of the members, up or down',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    await a.counter('k').increment(1, { replicas: 'majority' })
    await a.counter('k').increment(1, { replicas: 2 })
    await b.close()
    await until('a misses b', () => a.stats.links === 0)
    const waiting = a.counter('k').increment(1, { replicas: 'majority', timeoutMs: 150 })
    assert.is(a.counter('k').value, 3)
    const late = await refusal('half is no majority', waiting)
    assert.is(late.code, 'NOT_REPLICATED')
    assert.is(a.counter('k').value, 3, 'it is counted')
    assert.ok(lab.told(a).errors.includes(late))
    assert.is(
      (await refusal('a number of stores is checked', a.counter('k').increment(1, { replicas: 0 }))).code,
      'INVALID_OPTION',
    )
    assert.is(a.counter('k').value, 3, 'nothing was counted')
    const closing = a.counter('k').increment(1, { replicas: 2, timeoutMs: 60_000 })
    await a.counter('k').increment()
    await a.close()
    const cut = await refusal('nobody waits for ever', closing)
    assert.is(cut.code, 'NOT_REPLICATED')
    assert.match(cut.message, /durable here, but the node closed/)
  }),
)

node(
  'tells which peers come and go',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    await b.close()
    await until('a holds b for down', () => a.members()[1]?.state === 'down')
    await turn()
    assert.equal([...new Set(lab.told(a).peers)], ['b up', 'b suspect', 'b down'])
    assert.equal(a.members()[0], {
      ...{ name: 'a', store: a.members()[0]?.store, replica: undefined, url: a.url },
      ...{ state: 'up', lag: 0, phi: 0, self: true },
    })
    const heard: string[] = []
    const listener = ({ name }: { name: string }) => heard.push(name)
    a.on('peer', listener).off('peer', listener)
    const again = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, again)
    assert.equal(heard, [])
  }),
)

node(
  'removes a member for good, everywhere; it may come back with an empty directory',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    const c = await lab.open('c', { peers: [a.url as string] })
    await Promise.all([a, b, c].map(each => each.counter('k').increment()))
    await agreed([a, b, c], 'k', 3)
    await meshed(a, b, c)
    assert.is((await refusal('nobody is called so', a.removeMember('d'))).code, 'MEMBER_UNKNOWN')
    assert.is((await refusal('nobody removes itself', a.removeMember('a'))).code, 'MEMBER_UNKNOWN')
    assert.is((await refusal('it is up', a.removeMember('c'))).code, 'MEMBER_UP')
    await c.close()
    await until('a misses c', () => a.members().every(({ name, state }) => name !== 'c' || state !== 'up'))
    const counting = a.counter('k').increment(1, { replicas: 3, timeoutMs: 100 })
    assert.is((await refusal('three are not there', counting)).code, 'NOT_REPLICATED')
    await a.removeMember('c')
    assert.is(a.members().length, 2)
    await until('b knows of it', () => b.members().length === 2)
    await a.counter('k').increment(1, { replicas: 'majority' })
    const fenced = await lab.open('c', { peers: [a.url as string, b.url as string] })
    await until('c is told', () => lab.codes(fenced).includes('MEMBER_REMOVED'))
    await until('c stops', () => fenced.status === 'failed')
    assert.equal(lab.codes(fenced), ['MEMBER_REMOVED'])
    const lost = await refusal('it would reach nobody', fenced.counter('k').increment(100))
    assert.equal([lost.code, (lost.cause as { code?: string }).code], ['NOT_READY', 'MEMBER_REMOVED'])
    assert.equal([fenced.counter('k').value, a.stats.links, a.status, b.status], [3, 1, 'ready', 'ready'])
    await fenced.close()
    rmSync(lab.dir('c'), { recursive: true })
    const fresh = await lab.open('c', { peers: [a.url as string] })
    await fresh.counter('k').increment()
    await meshed(a, b, fresh)
    await agreed([a, b, fresh], 'k', 6)
  }),
)

node(
  'refuses to remove while it waits for its disk',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const a = await lab.memory('a', { listen: { port: 0 } }, disk)
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    await a.counter('k').increment()
    await b.close()
    await until('a misses b', () => a.members()[1]?.state !== 'up')
    disk.sync = () => Promise.reject(new Error('no space left'))
    await refusal('the disk fails', a.counter('k').increment())
    assert.is((await refusal('removing is refused', a.removeMember('b'))).code, 'NOT_READY')
    disk.sync = undefined
    await until('the node is ready again', () => a.status === 'ready')
    await a.removeMember('b')
    assert.is(a.members().length, 1)
  }),
)

node(
  'reports what nobody awaited',
  inLab(async lab => {
    const a = await lab.open('a')
    a.counter('k').increment(0)
    a.counter('k').increment(1, { replicas: 5, timeoutMs: 1 })
    await until('both are reported', () => lab.codes(a).length === 2)
    assert.equal(lab.codes(a), ['INVALID_AMOUNT', 'NOT_REPLICATED'])
    const silent = await openNode(lab.options('silent'))
    silent.counter('k').increment(-1)
    await silent.close()
    silent.counter('k').increment()
    await turn()
  }),
)

node(
  'leaves nothing open where it cannot be opened',
  inLab(async lab => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    for (const repair of [false, true]) {
      const error = await refusal('the port is taken', lab.open('a', { listen: { port }, repair }))
      assert.is(error.code, 'LISTEN_FAILED')
      assert.match(error.message, /another program listens there; choose another port/)
    }
    taken.close()
    const a = await lab.open('a')
    assert.is((await refusal('the directory is in use', lab.open('a'))).code, 'STORE_LOCKED')
    assert.is((await refusal('the room is another', lab.open('a', { room: 'other' }))).code, 'STORE_LOCKED')
    await a.counter('k').increment()
    await a.close()
    assert.is((await refusal('the room is another', lab.open('a', { room: 'other' }))).code, 'STORE_WRONG_ROOM')
    const again = await lab.open('a')
    assert.is(again.counter('k').value, 1)
    assert.is((await refusal('an option is wrong', openNode({ name: '' } as never))).code, 'INVALID_OPTION')
  }),
)

/** Flips a byte in the largest file of a directory's database. */
function damage(lab: Lab, name: string): void {
  const db = join(lab.dir(name), 'db')
  const [file] = readdirSync(db)
    .filter(entry => /\.(log|ldb)$/.test(entry))
    .map(entry => ({ path: join(db, entry), bytes: readFileSync(join(db, entry)) }))
    .sort((a, b) => b.bytes.length - a.bytes.length)
  assert.ok(file)
  const at = Math.floor(file.bytes.length / 2)
  file.bytes[at] = (file.bytes[at] as number) ^ 0xff
  writeFileSync(file.path, file.bytes)
}

node(
  'refuses a damaged directory; repaired, it takes a fresh id and has its values back from a peer',
  inLab(async lab => {
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    await meshed(a, b)
    for (let i = 1; i <= 20; i++) await b.counter(`k${i % 5}`).increment(i)
    await a.counter('k0').increment(1_000)
    await agreed([a, b], 'k0', 1_050)
    await agreed([a, b], 'k4', 4 + 9 + 14 + 19)
    const { replica } = b.stats
    await b.close()
    damage(lab, 'b')
    const refused = await refusal('the directory is damaged', lab.open('b'))
    assert.is(refused.code, 'STORE_CORRUPT')
    const repaired = await lab.open('b', { repair: true, peers: [a.url as string] })
    await turn()
    assert.ok(
      lab.codes(repaired).includes('STORE_CORRUPT'),
      'what was damaged is reported, to who listens after opening',
    )
    await agreed([a, repaired], 'k0', 1_050)
    for (const [key, value] of a.counters()) await agreed([repaired], key, value)
    await repaired.counter('k0').increment()
    assert.is.not(repaired.stats.replica, replica)
    await agreed([a, repaired], 'k0', 1_051)
    await repaired.close()
    const sound = await lab.open('b')
    assert.is(sound.counter('k0').value, 1_051)
    assert.equal(lab.codes(sound), [])
  }),
)

/** A store whose only log is damaged in a way that the store itself cannot see. */
async function withDamagedLog(lab: Lab): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const first = await lab.memory('a', {}, disk)
  await first.counter('k').increment(3)
  await first.counter('k').increment(4)
  await first.close()
  const [records] = disk.records.values()
  assert.ok(records)
  const last = Math.max(...records.keys())
  const bytes = (records.get(last) as Uint8Array).slice()
  const at = bytes.length - 20
  bytes[at] = (bytes[at] as number) ^ 1
  records.set(last, bytes)
  return disk
}

node(
  'refuses a log that fails its own checks, and closes what it opened',
  inLab(async lab => {
    const disk = await withDamagedLog(lab)
    const refused = await refusal('the log is damaged', lab.memory('a', {}, disk))
    assert.is(refused.code, 'STORE_CORRUPT')
    assert.match(refused.message, /Open with repair: true/)
    const half = lab.nodes.at(-1) as TallymeshNode
    await within('a node that never opened closes', half.close())
    assert.is(disk.owner, undefined)
    const repaired = await lab.memory('a', { repair: true }, disk)
    await turn()
    assert.ok(lab.codes(repaired).includes('LOG_DAMAGED'))
    assert.is(repaired.counter('k').value, 3, 'what can be read is kept')
    await repaired.counter('k').increment()
    assert.is(repaired.counter('k').value, 4)
  }),
)

node(
  'closes a repaired node that could not listen',
  inLab(async lab => {
    const disk = await withDamagedLog(lab)
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const error = await refusal('the port is taken', lab.memory('a', { repair: true, listen: { port } }, disk))
    assert.is(error.code, 'LISTEN_FAILED')
    const half = lab.nodes.at(-1) as TallymeshNode
    await within('it closes, with repairs that were never written', half.close(), 3_000)
    taken.close()
  }),
)

node(
  'releases the witness where the store cannot be closed',
  inLab(async lab => {
    const store = new MemoryStore({ room: 'lab', random: cryptoRandom })
    const witness = await openWitness({ store: store.id, runtimeDir: lab.dir('run') })
    const a = new TallymeshNode(new Lifecycle(checkOptions(lab.options('a')), store, witness))
    await a.start()
    await a.counter('k').increment()
    store.close = () => Promise.reject(new TallymeshError('STORE_UNUSABLE', 'the disk is gone'))
    assert.is((await refusal('closing tells of it', a.close())).code, 'STORE_UNUSABLE')
    assert.is(a.status, 'closed')
    const second = await openWitness({ store: store.id, runtimeDir: lab.dir('run') })
    assert.ok(second.held)
    await second.close()
  }),
)

node(
  'ends where its identity is contested',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const orders = a.counter('k')
    const b = await lab.open('b')
    await orders.increment()
    // Whoever shows more of the own log than this node wrote uses its id: four times in an hour is too much.
    const { step } = Replica.prototype
    const contested = new TallymeshError('IDENTITY_CONTESTED', 'the replica id changed 4 times in an hour')
    Replica.prototype.step = function (input) {
      if (this.options.name !== 'a' || input.type !== 'tick') return step.call(this, input)
      return [{ type: 'report', error: contested }]
    }
    await until('the node failed', () => a.status === 'failed')
    Replica.prototype.step = step
    const refused = await refusal('counting is refused', orders.increment())
    assert.is(refused.code, 'NOT_READY')
    assert.is(refused.cause, contested)
    assert.ok(lab.told(a).errors.includes(contested))
    await within('the node closes', a.close())
    assert.is(b.status, 'ready')
  }),
)

node(
  'resolves promises of two nodes in one process, each its own',
  inLab(async lab => {
    const diskA = new MemoryDisk()
    const gate = new Gate(diskA)
    const a = await lab.memory('a', { listen: { port: 0 } }, diskA)
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    await b.counter('k').increment(1, { replicas: 2 })
    gate.shut()
    const asked = b.counter('k').increment(1, { replicas: 2 })
    await until('the write of a waits', () => gate.waiting === 1)
    assert.is(a.counter('k').value, 2, 'a has seen it')
    assert.ok(await isPending(asked), 'but it is not durable there')
    gate.open()
    await within('a confirmed it', asked)
    assert.is(b.members().find(({ name }) => name === 'a')?.lag, 0)
  }),
)

node(
  'tells of a failed import or removal that nobody awaits',
  inLab(async lab => {
    const one = await lab.memory('a')
    one.importSlots([{ key: 'k', replica: 'none', increments: 1, decrements: 0 }])
    one.removeMember('nobody')
    await until('both are told', () => lab.codes(one).length === 2)
    assert.equal(lab.codes(one).sort(), ['INVALID_OPTION', 'MEMBER_UNKNOWN'])
    await one.close()
    one.exportSlots()
    await until('it is told', () => lab.codes(one).includes('NODE_CLOSED'))
  }),
)

node('lets its process end once it is closed', async () => {
  const index = new URL('../src/index.js', import.meta.url).href
  const script = `
    import { mkdtempSync, rmSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    import { openNode } from '${index}'
    const dir = mkdtempSync(tmpdir() + '/tallymesh-exit-')
    const open = (name, more) =>
      openNode({ name, dataDir: dir + '/' + name, runtimeDir: dir + '/run', listen: { port: 0 }, heartbeatMs: 40, ...more })
    const a = await open('a')
    const b = await open('b', { peers: [a.url, 'ws://127.0.0.1:1'] })
    await b.counter('k').increment(1, { replicas: 2 })
    const values = a.counter('k').watch()
    await values.next()
    await Promise.all([a.close(), b.close()])
    rmSync(dir, { recursive: true })
    console.log('closed')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let closedMs = 0
  child.stdout.on('data', () => {
    closedMs = performance.now()
  })
  const [code] = await within('the process ends', once(child, 'exit'))
  assert.is(code, 0)
  assert.ok(closedMs > 0)
  const lateMs = performance.now() - closedMs
  assert.ok(lateMs < 400, `the process lived on for ${lateMs} ms`)
})

node.run()
