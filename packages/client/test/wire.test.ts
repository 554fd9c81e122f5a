import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClientOptions, TallymeshClient, type TallymeshClientError } from '../src/index.js'
import { BlackHole } from './black-hole.js'
import { failsWith, failure } from './failing.js'
import { json, nobody, problem, type Script, ScriptedServer, type Step } from './scripted-server.js'

const test = suite('one attempt, failed at each point')
test.after.each(() => ScriptedServer.closeAll())

/** A client whose adds have no ids. */
const plain = (options: ClientOptions) => new TallymeshClient({ operations: false, ...options })

/** What an add without an id becomes whose first attempt meets this, and whether the server after it may be asked. */
interface Case {
  readonly name: string
  readonly step: Step | Script
  readonly add: 'sent elsewhere' | 'INDETERMINATE' | 'NOT_REPLICATED' | 'REFUSED'
  readonly read: 'sent elsewhere' | 'REFUSED'
}

const html = (status: number) => ({ status, type: 'text/html', body: `<h1>${status}</h1>` })
const cases: Case[] = [
  {
    name: 'the connection closes after the request came, unread',
    step: 'close unread',
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'it closes in the middle of the body',
    step: 'close in the body',
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  { name: 'it closes after the body', step: 'close after the body', add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'it is reset after the body', step: 'reset after the body', add: 'INDETERMINATE', read: 'sent elsewhere' },
  {
    name: 'it closes in the middle of the answer',
    step: 'close in the answer',
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  { name: 'the server hangs', step: 'hang', add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'a balancer answers 502', step: html(502), add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'a balancer answers 503', step: html(503), add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'a balancer answers 504', step: html(504), add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'a balancer answers 429', step: html(429), add: 'INDETERMINATE', read: 'sent elsewhere' },
  { name: 'somebody answers 404', step: html(404), add: 'INDETERMINATE', read: 'sent elsewhere' },
  {
    name: 'a proxy redirects',
    step: { status: 307, headers: { location: '/elsewhere' }, body: '' },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: '200 with JSON cut short',
    step: { status: 200, type: 'application/json', body: '{"key":"a","val' },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: '200 with another form of JSON',
    step: json({ hello: 'world' }),
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: '200 with a value that is no number',
    step: json({ key: 'a', value: 1.5, increments: 1, decrements: 0 }),
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: '200 with no UTF-8',
    step: { status: 200, body: '\ud800', headers: { 'content-encoding': 'gzip' } },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'a problem that does not say whether it is counted',
    step: problem(503, 'NOT_READY'),
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'a problem of somebody else',
    step: { status: 503, type: 'application/problem+json', body: '{"title":"no","counted":false}' },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'our code, but not as a problem',
    step: { ...problem(503, 'NOT_READY', false), type: 'application/json' },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'a problem cut short',
    step: { status: 503, type: 'application/problem+json', body: '{"code":"NOT_READY","counted":fal' },
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'the server cannot tell',
    step: problem(504, 'INDETERMINATE', 'perhaps'),
    add: 'INDETERMINATE',
    read: 'sent elsewhere',
  },
  {
    name: 'the server is not ready',
    step: problem(503, 'NOT_READY', false),
    add: 'sent elsewhere',
    read: 'sent elsewhere',
  },
  {
    name: 'the server closes',
    step: problem(503, 'NODE_CLOSED', false),
    add: 'sent elsewhere',
    read: 'sent elsewhere',
  },
  {
    name: 'the server limits the rate',
    step: problem(429, 'RATE_LIMITED', false, { 'retry-after': '1' }),
    add: 'sent elsewhere',
    read: 'sent elsewhere',
  },
  {
    name: 'the server is behind',
    step: problem(504, 'NOT_CAUGHT_UP', false),
    add: 'sent elsewhere',
    read: 'sent elsewhere',
  },
  {
    name: 'it is counted, but not replicated',
    step: problem(504, 'NOT_REPLICATED', true),
    add: 'NOT_REPLICATED',
    read: 'sent elsewhere',
  },
  { name: 'the server refuses', step: problem(409, 'COUNTER_OVERFLOW', false), add: 'REFUSED', read: 'REFUSED' },
  { name: 'the token is wrong', step: problem(401, 'UNAUTHORIZED'), add: 'REFUSED', read: 'REFUSED' },
]

for (const { name, step, add, read } of cases) {
  test(`${name}: an add is ${add}`, async () => {
    const [first, second] = [await ScriptedServer.start(step), await ScriptedServer.start()]
    const client = plain({ urls: [first.url, second.url], timeoutMs: step === 'hang' ? 100 : 5_000 })
    try {
      if (add === 'sent elsewhere') {
        assert.equal(await client.add('a', 5), { key: 'a', value: 7 })
        assert.equal(second.bodies, ['{"add":5}'])
      } else {
        const error = await failure(client.add('a', 5))
        const counted = { INDETERMINATE: 'perhaps', NOT_REPLICATED: true, REFUSED: false }[add]
        assert.is(error.counted, counted, error.message)
        assert.is(
          error.code,
          add === 'REFUSED' ? (step as unknown as { body: string }).body.match(/"code":"(\w+)"/)?.[1] : add,
        )
        assert.is(error.url, first.url)
        assert.equal(second.seen, [], 'it was sent twice')
      }
      assert.is(first.seen.length, 1, 'it was sent twice to one server')
    } finally {
      await Promise.all([client.close(), first.close(), second.close()])
    }
  })

  test(`${name}: an add with an id is ${add === 'INDETERMINATE' ? 'sent elsewhere' : add}`, async () => {
    const [first, second] = [await ScriptedServer.start(step), await ScriptedServer.start()]
    const timeoutMs = step === 'hang' ? 100 : 1_000
    const client = new TallymeshClient({ urls: [first.url, second.url], timeoutMs })
    try {
      if (add === 'NOT_REPLICATED' || add === 'REFUSED') {
        const error = await failure(client.add('a', 5))
        assert.is(error.counted, add === 'NOT_REPLICATED')
        assert.is(error.operation, first.seen[0]?.headers.get('idempotency-key'))
        assert.equal(error.additions, [{ key: 'a', add: 5 }])
        assert.equal(second.seen, [])
      } else {
        assert.equal(await client.add('a', 5), { key: 'a', value: 7 })
        assert.equal(second.bodies, [JSON.stringify({ add: 5, timeoutMs: 0.8 * timeoutMs })])
        const id = second.seen[0]?.headers.get('idempotency-key')
        assert.match(id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        // Of the request that it did not read to the end the server knows no more.
        if (step !== 'close unread') assert.is(first.seen[0]?.headers.get('idempotency-key'), id)
      }
    } finally {
      await Promise.all([client.close(), first.close(), second.close()])
    }
  })

  test(`${name}: a read is ${read}`, async () => {
    const [first, second] = [await ScriptedServer.start(step), await ScriptedServer.start()]
    const client = plain({ urls: [first.url, second.url], timeoutMs: step === 'hang' ? 100 : 5_000 })
    try {
      if (read === 'REFUSED') {
        const error = await failure(client.get('a'))
        assert.ok(['COUNTER_OVERFLOW', 'UNAUTHORIZED'].includes(error.code))
        assert.is(error.counted, false)
        assert.is(second.seen.length, 0)
      } else {
        assert.equal(await client.get('a'), { key: 'a', value: 7, increments: 9, decrements: 2 })
        assert.is(second.seen.length, 1)
      }
    } finally {
      await Promise.all([client.close(), first.close(), second.close()])
    }
  })
}

test('an error names the node that answered, where the answer does', async () => {
  const headers = { 'tallymesh-node': 'api-2' }
  const server = await ScriptedServer.start(
    problem(504, 'NOT_REPLICATED', true, headers),
    problem(409, 'COUNTER_OVERFLOW', false, headers),
    problem(504, 'INDETERMINATE', 'perhaps', { 'tallymesh-node': 'secret' }),
    problem(504, 'NOT_REPLICATED', true),
  )
  const client = plain({ urls: [server.url], token: 'secret' })
  const nodes: Array<string | undefined> = []
  for (let i = 0; i < 4; i++) nodes.push((await failure(client.add('a', 1))).node)
  assert.equal(nodes, ['api-2', 'api-2', '[token]', undefined])
  await Promise.all([client.close(), server.close()])
})

test('nobody listens: it is sent elsewhere', async () => {
  const second = await ScriptedServer.start()
  const client = plain({ urls: [await nobody(), second.url] })
  assert.is((await client.add('a', 5)).value, 7)
  assert.equal(second.bodies, ['{"add":5}'])
  await Promise.all([client.close(), second.close()])
})

test('a machine that answers no connection: it is sent elsewhere', async () => {
  const hole = await BlackHole.open()
  const second = await ScriptedServer.start()
  const client = plain({ urls: [hole.url, second.url], timeoutMs: 1_000 })
  assert.is((await client.add('a', 5)).value, 7)
  assert.equal(second.bodies, ['{"add":5}'])
  await client.close()
  hole.close()
})

test('the name of the server cannot be resolved: it is sent elsewhere', async () => {
  const second = await ScriptedServer.start()
  const client = plain({ urls: ['http://tallymesh.invalid', second.url] })
  assert.is((await client.add('a', 5)).value, 7)
  await Promise.all([client.close(), second.close()])
})

test('the other side does not speak TLS: nothing was counted', async () => {
  const server = await ScriptedServer.start()
  const client = plain({ urls: [server.url.replace('http:', 'https:')], deadlineMs: 300 })
  assert.is((await failsWith(client.add('a', 5), 'UNREACHABLE')).counted, false)
  assert.equal(server.seen, [])
  await Promise.all([client.close(), server.close()])
})

test('a connection that closes as it stands: sent elsewhere where nothing was sent, else indeterminate', async () => {
  for (let i = 0; i < 20; i++) {
    const [first, second] = [await ScriptedServer.start('close on connect'), await ScriptedServer.start()]
    const client = plain({ urls: [first.url, second.url] })
    const outcome = await client.add('a', 5).then(
      () => 'counted',
      (error: TallymeshClientError) => error.code,
    )
    assert.is(second.seen.length, outcome === 'counted' ? 1 : 0, outcome)
    assert.ok(['counted', 'INDETERMINATE'].includes(outcome), outcome)
    await Promise.all([client.close(), first.close(), second.close()])
  }
})

test('a kept connection that the server closed is not a failure that is sent twice', async () => {
  const server = await ScriptedServer.start(json({ key: 'a', value: 1 }), 'close after the body')
  const client = plain({ urls: [server.url], deadlineMs: 5_000 })
  await client.add('a', 5)
  await failsWith(client.add('a', 6), 'INDETERMINATE')
  assert.equal(server.bodies, ['{"add":5}', '{"add":6}'])
  await Promise.all([client.close(), server.close()])
})

test('a fetch that stays silent is given up, and cannot send afterwards what was sent elsewhere', async () => {
  const server = await ScriptedServer.start()
  let late: RequestInit | undefined
  const client = plain({
    urls: ['http://127.0.0.1:1', server.url],
    timeoutMs: 1_000,
    fetch: ((input: string, init: RequestInit) => {
      if (input.startsWith(server.url)) return fetch(input, init)
      late = init
      return new Promise<Response>(() => {})
    }) as typeof fetch,
  })
  assert.is((await client.add('a', 5)).value, 7)
  const again = await fetch(`${server.url}/v1/counters/a`, { ...late, signal: null } as RequestInit).catch(
    (error: unknown) => error,
  )
  assert.instance(again, TypeError)
  assert.equal(server.bodies, ['{"add":5}'])
  await Promise.all([client.close(), server.close()])
})

test('a fetch that reads the body first, as a browser may: only the name of the failure counts', async () => {
  const server = await ScriptedServer.start()
  const failures = [
    Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('x'), { code: 'ECONNRESET' }),
  ]
  const client = plain({
    urls: ['http://127.0.0.1:1', server.url],
    fetch: (async (input: string, init: RequestInit) => {
      if (input.startsWith(server.url)) return fetch(input, init)
      await new Response(init.body).text()
      throw new TypeError('fetch failed', { cause: failures.shift() })
    }) as typeof fetch,
  })
  assert.is((await client.add('a', 5)).value, 7)
  const other = plain({
    urls: ['http://127.0.0.1:1'],
    fetch: (async (_: string, init: RequestInit) => {
      await new Response(init.body).text()
      throw new TypeError('fetch failed', { cause: failures.shift() })
    }) as typeof fetch,
  })
  await failsWith(other.add('a', 5), 'INDETERMINATE')
  await Promise.all([client.close(), other.close(), server.close()])
})

test('an answer without end is given up', async () => {
  const endless = new ReadableStream<Uint8Array>({
    pull: controller => controller.enqueue(new Uint8Array(4 << 20).fill(32)),
  })
  const client = plain({
    urls: ['http://127.0.0.1:1'],
    fetch: async (_, init) => {
      await new Response(init?.body ?? null).text()
      return new Response(endless)
    },
  })
  assert.match((await failsWith(client.add('a', 5), 'INDETERMINATE')).message, 'longer than')
})

test('an answer without a body is no answer', async () => {
  const client = plain({
    urls: ['http://127.0.0.1:1'],
    fetch: async () => new Response(null, { status: 204 }),
  })
  assert.is((await failsWith(client.add('a', 5), 'INDETERMINATE')).status, 204)
})

test('a token is sent, asked for at each attempt, and never shown', async () => {
  const token = 'sesame-0123456789'
  const echo: Script = ({ headers }) => {
    const detail = `you said ${headers.get('authorization')}`
    return {
      status: 403,
      type: 'application/problem+json',
      body: JSON.stringify({ code: 'FORBIDDEN', detail, counted: false }),
    }
  }
  const server = await ScriptedServer.start(problem(503, 'NOT_READY', false), echo, 'close after the body')
  let asked = 0
  const client = plain({
    urls: [server.url],
    token: async () => {
      asked++
      return token
    },
  })
  const errors = [
    await failsWith(client.add('a', 5), 'FORBIDDEN'),
    await failsWith(client.add('a', 5), 'INDETERMINATE'),
  ]
  assert.is(asked, 3)
  assert.ok(server.seen.every(({ headers }) => headers.get('authorization') === `Bearer ${token}`))
  for (const error of errors) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      assert.not.ok(`${at.stack}${JSON.stringify(at)}`.includes(token))
    }
  }
  await Promise.all([client.close(), server.close()])
})

test('a token that no header can hold, or that is not to be had, is refused before anything is sent', async () => {
  const server = await ScriptedServer.start()
  for (const token of ['two\nlines', '', 'sp ace', 'ü', 'x'.repeat(5_000)]) {
    const client = plain({ urls: [server.url], token: () => token })
    const error = await failsWith(client.add('a', 5), 'INVALID_TOKEN')
    assert.is(error.counted, false)
    assert.not.ok(token !== '' && error.message.includes(token))
    await failsWith(client.get('a'), 'INVALID_TOKEN')
  }
  const failing = plain({ urls: [server.url], token: () => Promise.reject(new Error('vault is sealed')) })
  assert.is(((await failsWith(failing.add('a', 5), 'INVALID_TOKEN')).cause as Error).message, 'vault is sealed')
  assert.is(server.connections, 0)
  await server.close()
})

test('a signal that aborts before anything is sent: nothing was counted; while it is under way: perhaps', async () => {
  const server = await ScriptedServer.start('hang', 'hang')
  const client = plain({ urls: [server.url] })
  const reason = new Error('enough')
  assert.is((await failsWith(client.add('a', 5, { signal: AbortSignal.abort(reason) }), 'ABORTED')).cause, reason)
  const stop = new AbortController()
  server.steps[0] = () => {
    stop.abort(reason)
    return 'hang'
  }
  const error = await failsWith(client.add('a', 5, { signal: stop.signal }), 'INDETERMINATE')
  assert.is(error.counted, 'perhaps')
  assert.is(error.cause, reason)
  const stopRead = new AbortController()
  server.steps[0] = () => {
    stopRead.abort(reason)
    return 'hang'
  }
  assert.is((await failsWith(client.get('a', { signal: stopRead.signal }), 'ABORTED')).counted, false)
  await Promise.all([client.close(), server.close()])
})

test.run()
