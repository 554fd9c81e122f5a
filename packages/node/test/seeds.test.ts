import { TallymeshError } from '@tallymesh/crdt'
import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Seeds, type SeedsOptions } from '../src/seeds.js'
import { agreed, inLab, meshed } from './lab.js'
import { freePort } from './port.js'
import { refusal, turn, until } from './wait.js'

const seeds = suite('seeds')

const NAME = 'dns:room.test:7001'

/** A resolver that answers what it is told, and remembers what it was asked. */
class Resolver {
  readonly asked: string[] = []
  answer: readonly string[] | Error = []

  readonly resolve = async (name: string): Promise<readonly string[]> => {
    this.asked.push(name)
    if (this.answer instanceof Error) throw this.answer
    return this.answer
  }

  fails(code: string): void {
    this.answer = Object.assign(new Error(`getaddrinfo ${code}`), { code })
  }
}

function make(options: Partial<SeedsOptions> = {}): {
  seeds: Seeds
  resolver: Resolver
  reports: TallymeshError[]
  changes: () => number
  ask: (nowMs: number) => Promise<void>
} {
  const resolver = new Resolver()
  const reports: TallymeshError[] = []
  let changes = 0
  const made = new Seeds({
    ...{ peers: [NAME], secure: false, resolve: resolver.resolve },
    ...{ changed: () => changes++, report: error => reports.push(error), ...options },
  })
  const ask = async (nowMs: number) => {
    made.tick(nowMs)
    for (let i = 0; i < 3; i++) await turn()
  }
  return { seeds: made, resolver, reports, changes: () => changes, ask }
}

const AT = (host: string) => `ws://${host}:7001/`

seeds('counts configured addresses until they are reached', () => {
  const { seeds: made } = make({ peers: [AT('a'), AT('b')] })
  assert.equal(made.urls, [AT('a'), AT('b')])
  made.reached(AT('a'))
  assert.equal(made.urls, [AT('a'), AT('b')])
  assert.equal(made.unreached, [AT('b')])
  assert.is(made.nameOf(AT('a')), undefined)
})

seeds('counts a name as one until it resolves, then its addresses until they are reached', async () => {
  const { seeds: made, resolver, ask, changes, reports } = make({ peers: [AT('a'), NAME] })
  assert.equal(made.unreached, [AT('a'), NAME])
  resolver.answer = ['10.0.0.2', '10.0.0.1', '10.0.0.1', 'fd00::1', 'fe80::1%eth0']
  await ask(0)
  const found = ['10.0.0.1', '10.0.0.2', '[fd00::1]'].map(AT)
  assert.equal(made.urls, [AT('a'), ...found])
  assert.equal(made.unreached, [AT('a'), ...found])
  assert.is(made.nameOf(AT('10.0.0.2')), 'room.test')
  assert.is(changes(), 1)
  made.reached(AT('10.0.0.1'))
  assert.equal(made.unreached, [AT('a'), ...found.slice(1)])
  resolver.answer = ['10.0.0.1', '10.0.0.3']
  await ask(5_000)
  assert.equal(made.urls, [AT('a'), AT('10.0.0.1'), AT('10.0.0.3')])
  assert.equal(made.unreached, [AT('a'), AT('10.0.0.3')])
  resolver.answer = ['10.0.0.3']
  await ask(10_000)
  resolver.answer = ['10.0.0.3', '10.0.0.1']
  await ask(15_000)
  assert.equal(made.unreached, [AT('a'), AT('10.0.0.3')], 'what was reached once is known')
  assert.is(changes(), 4)
  resolver.answer = ['10.0.0.1', '10.0.0.3']
  await ask(20_000)
  assert.is(changes(), 4, 'another order is no change')
  assert.equal(reports, [])
})

seeds('asks again every five seconds, and not while it waits for an answer', async () => {
  let answer: (addresses: readonly string[]) => void = () => {}
  let asked = 0
  const resolve = () => {
    asked++
    return new Promise<readonly string[]>(done => {
      answer = done
    })
  }
  const { seeds: made, ask } = make({ resolve })
  await ask(0)
  await ask(4_999)
  await ask(60_000)
  assert.is(asked, 1)
  answer(['10.0.0.1'])
  await ask(60_000)
  assert.is(asked, 1)
  await ask(60_001)
  assert.is(asked, 2)
  made.close()
  answer(['10.0.0.2'])
  await turn()
  assert.equal(made.urls, [AT('10.0.0.1')], 'a node that closes heeds no answer')
})

seeds('reports once that a name does not resolve, and keeps the addresses that it had', async () => {
  const { seeds: made, resolver, ask, reports, changes } = make()
  resolver.fails('ENOTFOUND')
  for (let nowMs = 0; nowMs < 20_000; nowMs += 5_000) await ask(nowMs)
  assert.equal(
    reports.map(({ code }) => code),
    ['SEED_UNRESOLVED'],
  )
  assert.match(
    reports[0]?.message ?? '',
    /^the seed dns:room.test:7001 does not resolve \(ENOTFOUND\); is the name right/,
  )
  assert.equal(made.unreached, [NAME])
  resolver.fails('EAI_AGAIN')
  await ask(20_000)
  assert.is(reports.length, 2)
  resolver.answer = ['10.0.0.1']
  await ask(25_000)
  resolver.fails('ENOTFOUND')
  await ask(30_000)
  assert.is(reports.length, 3)
  resolver.answer = []
  await ask(35_000)
  assert.match(reports[3]?.message ?? '', /no address that can be dialed/)
  assert.equal([made.urls, made.unreached], [[AT('10.0.0.1')], [AT('10.0.0.1')]])
  assert.is(changes(), 1)
})

seeds('takes a bounded number of addresses, and dials by wss where it has certificates', async () => {
  const { seeds: made, resolver, ask } = make({ secure: true })
  resolver.answer = Array.from({ length: 500 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)
  await ask(0)
  assert.is(made.urls.length, 128)
  assert.match(made.urls[0] ?? '', /^wss:\/\/10\.0\.0\.0:7001\/$/)
  for (let i = 0; i < 3_000; i++) made.reached(`ws://10.1.${i >> 8}.${i & 255}:1/`)
  assert.is(made.unreached.length, 128)
})

seeds("asks the operating system's resolver by default", async () => {
  const reports: TallymeshError[] = []
  const made = new Seeds({
    ...{ peers: ['dns:localhost:7001', 'dns:nowhere.invalid:7001'], secure: false },
    ...{ changed: () => {}, report: error => reports.push(error) },
  })
  made.tick(0)
  await until('localhost resolved', () => made.urls.some(url => /^ws:\/\/(127\.0\.0\.1|\[::1\]):7001\/$/.test(url)))
  await until('the other name did not', () => reports.length === 1)
  assert.instance(reports[0], TallymeshError)
  assert.match(reports[0]?.message ?? '', /^the seed dns:nowhere.invalid:7001 does not resolve \(E/)
})

seeds(
  'leads nodes to each other by one name, which leads to themselves too',
  inLab(async lab => {
    const port = await freePort()
    const resolver = new Resolver()
    resolver.answer = ['127.0.0.1', '127.0.0.2']
    const internals = { resolve: resolver.resolve, resolveMs: 50 }
    const peers = [`dns:room.test:${port}`]
    const open = (name: string, host: string) => lab.memory(name, { listen: { host, port }, peers, internals })
    const [a, b] = await Promise.all([open('a', '127.0.0.1'), open('b', '127.0.0.2')])
    await meshed(a, b)
    await a.counter('k').increment(1, { replicas: 'majority' })
    resolver.answer = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
    const c = await open('c', '127.0.0.3')
    await meshed(a, b, c)
    await c.counter('k').increment(1, { replicas: 3 })
    await agreed([a, b, c], 'k', 2)
    for (const node of [a, b, c]) assert.equal(lab.codes(node), [])
    assert.ok(resolver.asked.every(name => name === 'room.test'))
  }),
)

seeds(
  'counts addresses that were never reached for the majority, also after a recovery, until they vanish',
  inLab(async lab => {
    const port = await freePort()
    const resolver = new Resolver()
    resolver.fails('ENOTFOUND')
    const disk = new MemoryDisk()
    const internals = { resolve: resolver.resolve, resolveMs: 20 }
    const options = { listen: { host: '127.0.0.1', port }, peers: [`dns:room.test:${port}`], internals }
    const a = await lab.memory('a', options, disk)
    const majority = () => a.counter('k').increment(1, { replicas: 'majority', timeoutMs: 80 })
    const unknown = await refusal('nobody knows who is behind the name', majority())
    assert.match(unknown.message, /1 of 2 stores/)
    await until('the name is reported', () => lab.codes(a).includes('SEED_UNRESOLVED'))
    resolver.answer = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
    const asked = resolver.asked.length
    await until('the name was asked again', () => resolver.asked.length > asked + 1)
    const alone = await refusal('one of four', majority())
    assert.match(alone.message, /1 of 3 stores/)
    disk.failure = new Error('no space left')
    await refusal('the disk fails', a.counter('k').increment())
    await until('the node is ready again', () => a.status === 'ready')
    assert.match((await refusal('one of four still', majority())).message, /1 of 3 stores/)
    resolver.answer = ['127.0.0.1']
    await until('only the own address is left', () => resolver.asked.length > asked + 2)
    await a.counter('k').increment(1, { replicas: 'majority', timeoutMs: 20_000 })
    assert.is(lab.codes(a).filter(code => code === 'SEED_UNRESOLVED').length, 1)
  }),
)

seeds.run()
