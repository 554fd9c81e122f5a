import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, newOperationId, TallymeshClient, TallymeshClientError } from '../src/index.js'
import type { KeptOperation } from '../src/outbox.js'
import { failsWith } from './failing.js'
import { MemoryOutbox, operationOf } from './memory-outbox.js'
import { nobody, obliging, problem, type Request, type Script, ScriptedServer } from './scripted-server.js'
import { until } from './until.js'

const test = suite('a client with an outbox')
test.after.each(() => ScriptedServer.closeAll())

const retry = { backoffMinMs: 1, backoffMaxMs: 2 }
const idOf = ({ headers }: Pick<Request, 'headers'>): string => headers.get('idempotency-key') ?? 'none'
const overflow = problem(409, 'COUNTER_OVERFLOW', false)

async function opened(
  outbox: MemoryOutbox,
  options: Partial<ClientOptions> = {},
): Promise<{ server: ScriptedServer; client: TallymeshClient }> {
  const server = await ScriptedServer.start()
  return { server, client: new TallymeshClient({ urls: [server.url], retry, outbox, ...options }) }
}

test('whatever is sent is in the outbox before, and leaves it once it is settled', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox)
  const inOutbox: boolean[] = []
  const looking: Script = request => {
    inOutbox.push(outbox.kept.has(idOf(request)))
    return obliging(request)
  }
  server.script = looking
  await client.add('a', 1)
  await client.add('b{c="'.concat('é'.repeat(100), '",d="', 'é'.repeat(100), '",e="', 'é'.repeat(100), '"}'), 1)
  await client.addAll([{ key: 'c', add: 1 }], { replicas: 2 })
  assert.is(outbox.changes.flatMap(({ keep }) => keep).at(-1)?.replicas, 2)
  server.steps.push(overflow)
  await failsWith(client.add('a', 1), 'COUNTER_OVERFLOW')
  server.steps.push(problem(504, 'NOT_REPLICATED', true))
  await failsWith(client.add('a', 1), 'NOT_REPLICATED')
  const stop = AbortSignal.abort()
  await failsWith(client.add('a', 1, { signal: stop }), 'ABORTED')
  await client.add('a', 1, { operation: newOperationId() })
  assert.equal(inOutbox, [true, true, true, true])
  await client.close()
  assert.equal([outbox.shown, outbox.closed], [[], true])
  assert.equal(await client.recovery.then(({ counted, failed }) => [counted, failed]), [0, []])
})

test('what is left is sent again under its id with its counts; what is too old or refused is told, until it is forgotten', async () => {
  const old = operationOf('old', 5, '01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f', 1)
  const oldWithoutTime = operationOf('older', 5, '01936b2e-7c1a-4d3e-9f57-2b8a6c4d1e0f', Date.now() - 600_000)
  const left: KeptOperation = {
    ...operationOf('a', -3),
    additions: [...operationOf('a', -3).additions, { key: 'b', add: 2 }],
  }
  const full = { ...operationOf('full'), replicas: 'majority' as const }
  const outbox = new MemoryOutbox([old, left, full, oldWithoutTime])
  outbox.damage.push('line 5 cannot be read')
  const { server, client } = await opened(outbox)
  const counting: Script = request => (idOf(request) === full.id ? overflow : obliging(request))
  server.script = counting
  const { counted, failed, damage, forget } = await client.recovery
  assert.equal([counted, damage], [1, ['line 5 cannot be read']])
  assert.equal(
    failed.map(error => [error.code, error.counted, error.operation, error.additions]),
    [
      ['OPERATION_EXPIRED', 'perhaps', old.id, old.additions],
      ['COUNTER_OVERFLOW', 'perhaps', full.id, full.additions],
      ['OPERATION_EXPIRED', 'perhaps', oldWithoutTime.id, oldWithoutTime.additions],
    ],
  )
  const sent = server.seen.map(seen => [idOf(seen), JSON.parse(seen.body)])
  assert.equal(
    new Map(sent as Array<[string, unknown]>),
    new Map([
      [left.id, left.additions],
      [full.id, full.additions],
    ]),
  )
  assert.match(server.seen.find(seen => idOf(seen) === full.id)?.path ?? '', /replicas=majority/)
  assert.equal(outbox.shown, ['old5', 'full1', 'older5'])
  await client.close()
  const next = new TallymeshClient({ urls: [server.url], retry, outbox })
  const again = await next.recovery
  assert.equal(
    again.failed.map(error => error.operation),
    failed.map(error => error.operation),
  )
  await again.forget()
  assert.equal(outbox.shown, [])
  await next.close()
  await forget()
})

test('gathered adds are kept when they are sealed, also while another batch is under way; keep() seals', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { maxDelayMs: 60_000 })
  let answer = false
  server.script = request => (answer ? obliging(request) : problem(503, 'NOT_READY', false))
  void client.add('a', 1)
  assert.equal(outbox.shown, [])
  await client.keep()
  assert.equal(outbox.shown, ['a1'])
  void client.add('a', 2)
  void client.add('b', 3)
  await client.keep()
  assert.equal(outbox.shown, ['a1', 'a2 b3'])
  answer = true
  await client.flush()
  await client.close()
  assert.equal(outbox.shown, [])
  assert.is(new Set(server.seen.map(idOf)).size, 2)
})

test('halves take the place of the whole in one step', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { maxDelayMs: 60_000 })
  server.script = request => (/full/.test(request.body) ? overflow : obliging(request))
  const adds = ['a', 'b', 'full'].map(key =>
    client.add(key, 1).then(
      () => key,
      ({ code }) => code,
    ),
  )
  await failsWith(client.flush(), 'COUNTER_OVERFLOW')
  assert.equal(await Promise.all(adds), ['a', 'b', 'COUNTER_OVERFLOW'])
  assert.equal(
    outbox.changes.filter(({ keep }) => keep.length > 0).map(({ keep, drop }) => [keep.length, drop.length]),
    [
      [1, 0],
      [2, 1],
    ],
  )
  await client.close()
  assert.equal(outbox.shown, [])
})

test('halves that cannot be kept are not sent, and that is told', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { maxDelayMs: 60_000 })
  server.script = () => {
    outbox.failing = new TallymeshClientError('OUTBOX_FAILED', 'full')
    return overflow
  }
  const adds = ['a', 'b'].map(key => client.add(key, 1))
  await failsWith(client.flush(), 'OUTBOX_FAILED')
  // The whole, too, cannot be taken out of the outbox any longer.
  for (const add of adds) assert.is((await failsWith(add, 'OUTBOX_FAILED')).counted, 'perhaps')
  assert.is(server.seen.length, 1)
  await client.close()
})

test('what cannot be kept is not sent, and told with its id', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { maxDelayMs: 60_000 })
  await client.recovery
  outbox.failing = new TallymeshClientError('OUTBOX_FAILED', 'no space left')
  const operation = newOperationId()
  const error = await failsWith(client.add('a', 1, { operation }), 'OUTBOX_FAILED')
  assert.equal([error.counted, error.operation], ['perhaps', operation], 'it may have been tried before')
  assert.is((await failsWith(client.addAll([{ key: 'a', add: 1 }]), 'OUTBOX_FAILED')).counted, false)
  await failsWith(client.keep(), 'OUTBOX_FAILED')
  const gathered = client.add('a', 1)
  await failsWith(client.keep(), 'OUTBOX_FAILED')
  await failsWith(client.flush(), 'OUTBOX_FAILED')
  assert.is((await failsWith(gathered, 'OUTBOX_FAILED')).counted, false)
  await client.keep()
  assert.is(server.connections, 0)
  await client.close()
})

test('what is told as not counted has left the outbox for good, or might still be counted', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { maxDelayMs: 60_000 })
  const own = newOperationId()
  const calls: Array<() => Promise<unknown>> = [
    () => client.addAll([{ key: 'a', add: 1 }]),
    () => client.flush(),
    () => client.add('a', 1, { operation: own }),
  ]
  for (const call of calls) {
    server.steps.push(overflow)
    void client.add('a', 1)
    await failsWith(call(), 'COUNTER_OVERFLOW')
    await client.flush()
  }
  const drops = outbox.changes.filter(({ drop }) => drop.length > 0)
  assert.equal(
    drops.filter(({ lazy }) => !lazy).map(({ drop }) => drop.includes(own)),
    [false, false],
    'with an id of its own it may have been counted',
  )
  server.steps.push(() => {
    outbox.failing = new TallymeshClientError('OUTBOX_FAILED', 'full')
    return overflow
  })
  const error = await failsWith(client.addAll([{ key: 'a', add: 1 }]), 'OUTBOX_FAILED')
  assert.equal([error.counted, error.additions], ['perhaps', [{ key: 'a', add: 1 }]])
  assert.match(error.message, /COUNTER_OVERFLOW.*after a crash it would be sent again/)
  assert.ok(outbox.kept.has(error.operation as string))
  await client.close()
})

test('an outbox that cannot be opened fails every add, and reads go on', async () => {
  const outbox = new MemoryOutbox()
  outbox.failing = new TallymeshClientError('OUTBOX_LOCKED', 'another client has it')
  const { client } = await opened(outbox)
  assert.is((await failsWith(client.add('a', 1), 'OUTBOX_LOCKED')).counted, false)
  await failsWith(client.recovery, 'OUTBOX_LOCKED')
  await client.get('a')
  await client.close()
})

test('adds are tried past the deadline, until they are acknowledged or their window is over', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { timeoutMs: 100, deadlineMs: 20 })
  server.steps.push(...Array.from({ length: 30 }, () => problem(503, 'NOT_READY', false)))
  await client.add('a', 1)
  await client.close()
  const urls = [await nobody()]
  const short = new TallymeshClient({ urls, retry, outbox, timeoutMs: 10, deadlineMs: 20_000, retryWindowMs: 200 })
  assert.is((await failsWith(short.add('a', 1), 'UNREACHABLE')).counted, false)
  assert.equal(outbox.shown, [], 'it cannot come back')
  await short.close()
})

test('close() leaves in the outbox what no server acknowledges in time, and the next client sends it', async () => {
  const outbox = new MemoryOutbox([operationOf('left')])
  const { server, client } = await opened(outbox, { timeoutMs: 5_000, deadlineMs: 200, maxDelayMs: 60_000 })
  server.script = () => 'hang'
  const own = newOperationId()
  const adds = [
    client.add('gathered', 1),
    client.add('own', 1, { operation: own }),
    client.addAll([{ key: 'c', add: 1 }]),
  ]
  await until(() => server.seen.length === 3)
  void client.add('gathered', 2)
  await failsWith(client.close(), 'KEPT')
  const errors = await Promise.all(adds.map(add => failsWith(add, 'KEPT')))
  assert.equal(new Set(errors.map(({ counted }) => counted)), new Set(['perhaps']))
  assert.ok(errors.every(({ operation }) => outbox.kept.has(operation ?? '')))
  const { counted, failed, forget } = await client.recovery
  assert.equal([counted, failed.map(({ code }) => code)], [0, ['KEPT']])
  await forget()
  assert.is(outbox.kept.size, 4)
  server.script = obliging
  const next = new TallymeshClient({ urls: [server.url], retry, outbox })
  assert.is((await next.recovery).counted, 4)
  await next.close()
  assert.is(outbox.kept.size, 0)
})

test('while no server answers only so many are tried at a time; the others can be aborted', async () => {
  const outbox = new MemoryOutbox()
  const { server, client } = await opened(outbox, { timeoutMs: 600_000, deadlineMs: 600_000 })
  server.script = () => 'hang'
  const stops = Array.from({ length: 100 }, () => new AbortController())
  const adds = stops.map(({ signal }, i) => client.add(`k${i}`, 1, { signal }).catch(error => error))
  await until(() => server.seen.length === 64 && outbox.kept.size === 100)
  for (const stop of stops) stop.abort()
  const codes = (await Promise.all(adds)).map(({ code, counted }) => `${code} ${counted}`)
  assert.equal(codes.filter(code => code === 'ABORTED false').length, 36)
  assert.equal(codes.filter(code => code === 'INDETERMINATE perhaps').length, 64)
  await client.close()
  assert.equal(outbox.shown, [])
})

test('without an outbox nothing is left, and keep() is refused', async () => {
  const server = await ScriptedServer.start()
  const client = new TallymeshClient({ urls: [server.url] })
  const { counted, failed, damage, forget } = await client.recovery
  assert.equal([counted, failed, damage], [0, [], []])
  await forget()
  await failsWith(client.keep(), 'INVALID_OPTION')
  await client.close()
})

test.run()
