import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Counter, type NodeOptions, openNode, TallymeshError } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './free-port.js'
import { inScratch, type Scratch } from './scratch.js'

const badInput = suite('bad input')

/** The code with which it is refused. Its message is a sentence, never an object's default text. */
async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    if (!(error instanceof TallymeshError)) throw error
    assert.ok(
      error.message.length > 15 && !/undefined|\[object/.test(error.message.replace('got undefined', '')),
      error.message,
    )
    return error.code
  }
  return 'nothing was refused'
}

/** Opens with options that a program without types might pass. */
function opening(scratch: Scratch, changes: object): () => Promise<unknown> {
  return async () => {
    const node = await openNode({ ...scratch.options('a'), ...changes } as NodeOptions)
    await node.close()
  }
}

const OPTIONS: ReadonlyArray<readonly [what: string, changes: object, code: string]> = [
  ['an option that does not exist', { datadir: '/tmp/x' }, 'INVALID_OPTION'],
  ['no data directory', { dataDir: undefined }, 'INVALID_OPTION'],
  ['an empty data directory', { dataDir: '' }, 'INVALID_OPTION'],
  ['a data directory with a NUL', { dataDir: 'a\0b' }, 'INVALID_OPTION'],
  ['no name', { name: undefined }, 'INVALID_NAME'],
  ['an empty name', { name: '' }, 'INVALID_NAME'],
  ['a name of 257 bytes', { name: 'x'.repeat(257) }, 'INVALID_NAME'],
  ['a room with a control character', { room: 'shop\n' }, 'INVALID_NAME'],
  ['a room that is a number', { room: 7 }, 'INVALID_NAME'],
  ['listen that is a number', { listen: 7001 }, 'INVALID_OPTION'],
  ['listen without a port', { listen: {} }, 'INVALID_OPTION'],
  ['a port of 65,536', { listen: { port: 65_536 } }, 'INVALID_OPTION'],
  ['a port that is text', { listen: { port: '7001' } }, 'INVALID_OPTION'],
  ['a host that is a number', { listen: { port: 0, host: 127 } }, 'INVALID_OPTION'],
  ['origins that are no list', { listen: { port: 0, origins: '*' } }, 'INVALID_OPTION'],
  ['advertise that is no list', { listen: { port: 0, advertise: 'ws://127.0.0.1:1' } }, 'INVALID_OPTION'],
  ['advertise that is no URL', { listen: { port: 0, advertise: ['here'] } }, 'INVALID_URL'],
  ['peers that are no list', { peers: 'ws://127.0.0.1:7002' }, 'INVALID_OPTION'],
  ['a peer of another scheme', { peers: ['http://127.0.0.1:7002'] }, 'INVALID_URL'],
  ['a peer without a scheme', { peers: ['127.0.0.1:7002'] }, 'INVALID_URL'],
  ['a peer with a secret in the URL', { peers: ['ws://user:secret@127.0.0.1:7002'] }, 'INVALID_URL'],
  ['an empty token', { token: '' }, 'INVALID_OPTION'],
  ['a token with a space', { token: 'a b' }, 'INVALID_OPTION'],
  ['a token that is a number', { token: 1 }, 'INVALID_OPTION'],
  ['an empty runtimeDir', { runtimeDir: '' }, 'INVALID_OPTION'],
  ['runtimeDir: true', { runtimeDir: true }, 'INVALID_OPTION'],
  ['repair that is text', { repair: 'yes' }, 'INVALID_OPTION'],
  ['heartbeatMs of 9', { heartbeatMs: 9 }, 'INVALID_OPTION'],
  ['heartbeatMs of 60,001', { heartbeatMs: 60_001 }, 'INVALID_OPTION'],
  ['heartbeatMs that is no number', { heartbeatMs: Number.NaN }, 'INVALID_OPTION'],
  ['antiEntropyMs of 0', { antiEntropyMs: 0 }, 'INVALID_OPTION'],
  ['replicasTimeoutMs of 0.5', { replicasTimeoutMs: 0.5 }, 'INVALID_OPTION'],
  ['closeTimeoutMs of -1', { closeTimeoutMs: -1 }, 'INVALID_OPTION'],
]

badInput(
  'to openNode is refused in words, before anything is made',
  inScratch(async scratch => {
    for (const [what, changes, code] of OPTIONS) assert.is(await codeOf(opening(scratch, changes)), code, what)
    for (const options of [undefined, null, 'a', 7]) {
      assert.is(await codeOf(() => openNode(options as unknown as NodeOptions)), 'INVALID_OPTION', String(options))
    }
    assert.throws(() => readFileSync(scratch.options('a').dataDir), /ENOENT/)
  }),
)

badInput(
  'to a counter is refused, and nothing is counted',
  inScratch(async scratch => {
    const node = await scratch.open('a')
    const names = [
      '',
      'x'.repeat(257),
      'é'.repeat(129),
      'a\u0000b',
      'a\tb',
      'a\u0085b',
      'a\ud800',
      '\udc00b',
      7,
      null,
      undefined,
      {},
    ]
    for (const name of names)
      assert.is(await codeOf(() => node.counter(name as string)), 'INVALID_NAME', JSON.stringify(name))
    const labels = [
      ...[
        { '': 'x' },
        { '1a': 'x' },
        { 'a-b': 'x' },
        { ['a'.repeat(65)]: 'x' },
        { a: 7 },
        { a: 'x\n' },
        { a: 'x'.repeat(257) },
      ],
      ...[
        'a',
        7,
        null,
        ['a'],
        new Map([['a', 'b']]),
        Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x'])),
      ],
    ]
    for (const label of labels) {
      assert.is(
        await codeOf(() => node.counter('orders', label as Record<string, string>)),
        'INVALID_NAME',
        JSON.stringify(label),
      )
    }
    for (const key of ['a{', 'a{b}', 'a{b="c"', 'a{b="c"}d', 'a{b="c",b="d"}', 'a\\']) {
      assert.is(await codeOf(() => node.counterByKey(key)), 'INVALID_NAME', key)
    }
    const orders = node.counter('orders')
    const amounts = [0, -0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, 1n, {}]
    for (const amount of amounts) {
      for (const count of [orders.increment, orders.decrement]) {
        assert.is(await codeOf(() => count.call(orders, amount as number)), 'INVALID_AMOUNT', String(amount))
      }
    }
    for (const options of [
      null,
      7,
      { replicas: 0 },
      { replicas: 1.5 },
      { replicas: 'all' },
      { timeoutMs: 0 },
      { replica: 2 },
    ]) {
      assert.is(await codeOf(() => orders.increment(1, options as object)), 'INVALID_OPTION', JSON.stringify(options))
    }
    assert.equal([...node.counters()], [])
    assert.is(node.stats.commits, 0)
    await overflow(orders)
  }),
)

async function overflow(counter: Counter): Promise<void> {
  await counter.increment(Number.MAX_SAFE_INTEGER)
  assert.is(await codeOf(() => counter.increment(1)), 'COUNTER_OVERFLOW')
  assert.is(counter.value, Number.MAX_SAFE_INTEGER)
  await counter.decrement(Number.MAX_SAFE_INTEGER)
  assert.is(counter.value, 0)
}

badInput(
  'a value that no number holds is refused, and read exactly as a bigint',
  inScratch(async scratch => {
    for (const runtimeDir of [false, false] as const) {
      const node = await scratch.open('a', { runtimeDir })
      await node.counter('atoms').increment(Number.MAX_SAFE_INTEGER)
      await node.close()
    }
    const node = await scratch.open('a')
    assert.is(node.counter('atoms').valueBigInt, 2n * BigInt(Number.MAX_SAFE_INTEGER))
    assert.is(await codeOf(() => node.counter('atoms').value), 'VALUE_UNSAFE')
  }),
)

badInput(
  'a data directory that cannot be one is left as it is',
  inScratch(async scratch => {
    const { dataDir } = scratch.options('a')
    writeFileSync(dataDir, 'a file')
    assert.is(await codeOf(opening(scratch, {})), 'STORE_UNUSABLE')
    assert.is(await codeOf(opening(scratch, { dataDir: join(dataDir, 'below') })), 'STORE_UNUSABLE')
    assert.is(readFileSync(dataDir, 'utf8'), 'a file')
    const photos = join(scratch.dir, 'photos')
    mkdirSync(photos)
    writeFileSync(join(photos, 'cat.jpg'), 'cat')
    assert.is(await codeOf(opening(scratch, { dataDir: photos })), 'STORE_UNUSABLE')
    // Root writes wherever it likes; only the kernel's own directories refuse it.
    const closed = process.getuid?.() === 0 ? '/proc/tallymesh' : join(scratch.dir, 'closed')
    if (process.getuid?.() !== 0) {
      mkdirSync(closed)
      chmodSync(closed, 0o500)
    }
    assert.is(await codeOf(opening(scratch, { dataDir: closed })), 'STORE_UNUSABLE')
  }),
)

badInput(
  'a port in use is named, and the directory is free again',
  inScratch(async scratch => {
    const port = await freePort()
    const server = createServer()
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    try {
      const attempt = openNode({ ...scratch.options('a'), listen: { port } })
      const error = await attempt.then(
        () => undefined,
        (reason: TallymeshError) => reason,
      )
      assert.is(error?.code, 'LISTEN_FAILED')
      assert.match(error?.message ?? '', new RegExp(`${port}.*another`))
    } finally {
      server.close()
    }
    const node = await scratch.open('a', { listen: { port } })
    await node.counter('orders').increment()
  }),
)

badInput(
  'a directory of another room, or of a newer format, is refused',
  inScratch(async scratch => {
    const node = await scratch.open('a')
    await node.counter('orders').increment()
    await node.close()
    assert.is(await codeOf(opening(scratch, { room: 'warehouse' })), 'STORE_WRONG_ROOM')
    const path = join(scratch.options('a').dataDir, 'tallymesh.json')
    const text = readFileSync(path, 'utf8')
    const marker = JSON.parse(text) as { format: number; store: string; room: string }
    const check = crc32(JSON.stringify([99, marker.store, marker.room]))
      .toString(16)
      .padStart(8, '0')
    writeFileSync(path, JSON.stringify({ ...marker, format: 99, check }))
    assert.is(await codeOf(opening(scratch, {})), 'STORE_UNSUPPORTED')
    writeFileSync(path, text)
    const again = await scratch.open('a')
    assert.is(again.counter('orders').value, 1)
  }),
)

badInput.run()
