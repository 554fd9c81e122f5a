// deadline: 300 s
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newOperationId, TallymeshClient, type TallymeshClientError } from '../src/index.js'
import { failsWith } from './failing.js'
import { json, nobody, problem, type Request, type Script, ScriptedServer, type Step } from './scripted-server.js'

const test = suite('adds with ids')
test.after.each(() => ScriptedServer.closeAll())

const retry = { backoffMinMs: 1, backoffMaxMs: 2 }
/** Begins attempts for about 200 ms, each of which has ten seconds: a stalled machine must not turn one into a doubtful one. */
const brief = { retry, timeoutMs: 10_000, deadlineMs: 100_000, retryWindowMs: 10_200 }
const idOf = ({ headers }: Pick<Request, 'headers'>): string => headers.get('idempotency-key') ?? 'none'

/** What servers of one room know: each operation counts once, whichever of them it reaches. */
class Room {
  readonly bodies = new Map<string, string>()

  /** Counts what it is asked to, and then does what the step says. */
  counting(step: Step): Script {
    return request => {
      const known = this.bodies.get(idOf(request))
      assert.ok(
        known === undefined || known === request.body,
        `${idOf(request)} came with ${known} and ${request.body}`,
      )
      this.bodies.set(idOf(request), request.body)
      return step
    }
  }

  readonly obliging: Script = request => {
    this.counting('hang')(request)
    const { pathname } = new URL(request.path, 'http://server')
    return json({ key: pathname.slice('/v1/counters/'.length), value: 1 })
  }
}

const steps: ReadonlyArray<(room: Room) => Step | Script> = [
  () => problem(503, 'NOT_READY', false),
  () => problem(429, 'RATE_LIMITED', false),
  () => problem(503, 'OPERATIONS_UNAVAILABLE', false),
  () => problem(503, 'OPERATIONS_FULL', false),
  () => 'close on connect',
  () => 'close unread',
  () => 'close in the body',
  () => ({ status: 502, type: 'text/html', body: '<p>' }),
  room => room.counting('close after the body'),
  room => room.counting('reset after the body'),
  room => room.counting('hang'),
  room => room.counting({ status: 504, body: '' }),
  room => room.counting(problem(504, 'INDETERMINATE', 'perhaps')),
  room => room.obliging,
]

test('whatever the servers do, each add gets through, and counts once', async () => {
  const plans = fc.array(fc.array(fc.constantFrom(...steps), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(plans, fc.integer({ min: 1, max: 5 }), fc.boolean(), async (plan, adds, dead) => {
      const room = new Room()
      const servers = await Promise.all(plan.map(each => ScriptedServer.start(...each.map(step => step(room)))))
      for (const server of servers) server.script = room.obliging
      const urls = [...(dead ? [await nobody()] : []), ...servers.map(({ url }) => url)]
      const client = new TallymeshClient({ urls, retry, timeoutMs: 100, deadlineMs: 60_000 })
      await Promise.all(Array.from({ length: adds }, (_, i) => client.add(`k${i}`, i + 1)))
      const counted = Array.from(room.bodies.values(), body => (JSON.parse(body) as { add: number }).add)
      assert.equal(
        counted.sort((a, b) => a - b),
        Array.from({ length: adds }, (_, i) => i + 1),
      )
      await Promise.all([client.close(), ...servers.map(server => server.close())])
    }),
    { numRuns: 60 },
  )
})

test('what is not settled in time is told with its id, by which it can be tried again', async () => {
  const server = await ScriptedServer.start()
  server.script = () => 'close after the body'
  const client = new TallymeshClient({ urls: [server.url], ...brief })
  const error = await failsWith(client.add('k', 5), 'INDETERMINATE')
  assert.is(error.counted, 'perhaps')
  assert.match(error.message, /^no server settled it, .* within \d+ ms \(\d+ attempts\); the last: no answer/)
  assert.is(new Set(server.seen.map(idOf)).size, 1)
  assert.is(error.operation, server.seen.map(idOf)[0])
  const before = server.seen.length
  assert.ok(before > 1, 'it was tried again')
  server.script = ({ body }) => json(body.startsWith('[') ? [{ key: 'k', value: 5 }] : { key: 'k', value: 5 })
  assert.is((await client.add('k', 5, { operation: error.operation })).value, 5)
  await client.addAll(error.additions ?? [], { operation: error.operation })
  assert.equal(server.seen.slice(before).map(idOf), [error.operation, error.operation])
  assert.equal(JSON.parse(server.bodies.at(-1) as string), [{ key: 'k', add: 5 }])
  await client.close()
})

test('of an add that was not counted for certain the error says so, and why', async () => {
  for (const code of ['OPERATIONS_UNAVAILABLE', 'OPERATIONS_FULL']) {
    const server = await ScriptedServer.start()
    server.script = () => problem(503, code, false)
    const client = new TallymeshClient({ urls: [server.url], ...brief })
    assert.is((await failsWith(client.add('k', 5), code)).counted, false)
    await client.close()
  }
})

test('no refusal proves that an operation which was tried before is not counted', async () => {
  const overflow = problem(409, 'COUNTER_OVERFLOW', false)
  const server = await ScriptedServer.start('close after the body', overflow, overflow, overflow)
  const client = new TallymeshClient({ urls: [server.url], retry })
  assert.is((await failsWith(client.add('k', 5), 'COUNTER_OVERFLOW')).counted, 'perhaps')
  assert.is((await failsWith(client.add('k', 5), 'COUNTER_OVERFLOW')).counted, false)
  const operation = newOperationId()
  assert.is((await failsWith(client.add('k', 5, { operation }), 'COUNTER_OVERFLOW')).counted, 'perhaps')
  await client.close()
})

test('no refusal that a balancer got at its second attempt proves that the first did not count', async () => {
  const headers = { 'tallymesh-repeated': '1' }
  const server = await ScriptedServer.start(problem(409, 'COUNTER_OVERFLOW', false, headers))
  const client = new TallymeshClient({ urls: [server.url], ...brief })
  const error = await failsWith(client.add('k', 5), 'COUNTER_OVERFLOW')
  assert.equal([error.counted, error.operation], ['perhaps', server.seen.map(idOf)[0]])
  server.steps.push(problem(503, 'OPERATIONS_FULL', false, headers))
  server.script = () => problem(503, 'NOT_READY', false)
  assert.is((await failsWith(client.add('k', 5), 'INDETERMINATE')).counted, 'perhaps')
  assert.is((await failsWith(client.add('k', 5), 'UNREACHABLE')).counted, false)
  await client.close()
})

test('an id that is too old is tried once: servers may know it', async () => {
  const operation = '01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f'
  const expired = problem(410, 'OPERATION_EXPIRED', 'perhaps')
  const server = await ScriptedServer.start(json({ key: 'k', value: 5 }), expired)
  const client = new TallymeshClient({ urls: [server.url], retry })
  assert.is((await client.add('k', 5, { operation })).value, 5)
  const error = await failsWith(client.add('k', 5, { operation }), 'OPERATION_EXPIRED')
  assert.equal([error.counted, error.operation], ['perhaps', operation])
  assert.is(server.seen.length, 2)
  await failsWith(client.add('k', 5, { operation: 'order-17' }), 'INVALID_OPTION')
  await failsWith(client.addAll([{ key: 'k', add: 5 }], { operation: '' }), 'INVALID_OPTION')
  await client.close()
})

test('the retry window ends a call that the deadline does not', async () => {
  const server = await ScriptedServer.start()
  server.script = () => 'close after the body'
  const client = new TallymeshClient({ urls: [server.url], ...brief, deadlineMs: 3_600_000 })
  const error = await failsWith(client.add('k', 1), 'INDETERMINATE')
  assert.equal([error.counted, error.operation], ['perhaps', idOf(server.seen[0] as Request)])
  await client.close()
})

test('a signal that aborts between attempts leaves the add open', async () => {
  const stop = new AbortController()
  const server = await ScriptedServer.start()
  server.script = () => {
    setImmediate(() => stop.abort())
    return 'close after the body'
  }
  const client = new TallymeshClient({ urls: [server.url], retry: { backoffMinMs: 60_000 }, deadlineMs: 600_000 })
  const error = await failsWith(client.add('k', 1, { signal: stop.signal }), 'INDETERMINATE')
  assert.equal([error.counted, error.operation], ['perhaps', idOf(server.seen[0] as Request)])
  await client.close()
})

test('without ids a given one is sent all the same, and nothing else is sent twice', async () => {
  const server = await ScriptedServer.start('close after the body', 'close after the body')
  const client = new TallymeshClient({ urls: [server.url], retry, operations: false })
  const error = await failsWith(client.add('k', 1), 'INDETERMINATE')
  assert.equal([error.operation, error.additions, idOf(server.seen[0] as Request)], [undefined, undefined, 'none'])
  const operation = newOperationId()
  await client.add('k', 1, { operation })
  assert.equal(server.seen.map(idOf), ['none', operation, operation])
  await client.close()
})

test('a gathered batch keeps its id and its counts over all attempts; the next has another', async () => {
  const room = new Room()
  const server = await ScriptedServer.start(
    room.counting('close after the body'),
    room.counting({ status: 502, body: '' }),
  )
  const client = new TallymeshClient({ urls: [server.url], retry, maxDelayMs: 60_000 })
  for (const key of ['a', 'b', 'a']) void client.add(key, 1)
  const flushed = client.flush()
  void client.add('a', 10)
  await flushed
  await client.flush()
  const [first, second, third, next] = server.seen
  assert.equal(new Set([first, second, third].map(seen => idOf(seen as Request))).size, 1)
  assert.equal(JSON.parse(third?.body ?? ''), [
    { key: 'a', add: 2 },
    { key: 'b', add: 1 },
  ])
  assert.equal(new Set([first, second, third].map(seen => seen?.body)).size, 1)
  assert.is.not(idOf(next as Request), idOf(first as Request))
  assert.is(server.seen.length, 4)
  await client.close()
})

test('halves of a batch that was refused for one key are operations of their own', async () => {
  const overflow = problem(409, 'COUNTER_OVERFLOW', false)
  const server = await ScriptedServer.start(overflow)
  const client = new TallymeshClient({ urls: [server.url], maxDelayMs: 60_000 })
  for (const key of ['a', 'b']) void client.add(key, 1)
  await client.flush()
  assert.is(new Set(server.seen.map(idOf)).size, 3)
  await client.close()
})

test('a batch that may have been counted is not divided, and can be tried again as a whole', async () => {
  const overflow = problem(409, 'COUNTER_OVERFLOW', false)
  const server = await ScriptedServer.start('close after the body', overflow)
  const client = new TallymeshClient({ urls: [server.url], retry, maxDelayMs: 60_000 })
  const [a, b] = ['a', 'b'].map(key => client.add(key, 1).catch((error: TallymeshClientError) => error))
  const error = await failsWith(client.flush(), 'COUNTER_OVERFLOW')
  assert.equal([await a, await b], [error, error])
  assert.is(error.counted, 'perhaps')
  await client.addAll(error.additions ?? [], { operation: error.operation })
  assert.equal(server.seen.map(idOf), [error.operation, error.operation, error.operation])
  assert.equal(JSON.parse(server.bodies[2] ?? ''), JSON.parse(server.bodies[0] ?? ''))
  await client.close()
})

test('an add with an id of its own is not gathered', async () => {
  const server = await ScriptedServer.start()
  const client = new TallymeshClient({ urls: [server.url], maxDelayMs: 60_000 })
  const operation = newOperationId()
  void client.add('a', 1)
  await client.add('a', 1, { operation })
  assert.equal(server.seen.map(idOf), [operation])
  await client.close()
})

test.run()
