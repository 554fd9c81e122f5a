import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, ask, inServerLab, meshed, post } from '../lab.js'

const test = suite('counter routes')
const MAX = Number.MAX_SAFE_INTEGER

function problem(answer: Answer, status: number, code: string, counted?: boolean | 'perhaps'): void {
  assert.is(answer.status, status, answer.text)
  assert.is(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.is(answer.json.code, code, answer.text)
  assert.is(answer.json.status, status)
  assert.is(answer.json.type, 'about:blank')
  assert.ok(String(answer.json.title).length > 0 && String(answer.json.detail).length > 10)
  assert.is(answer.json.counted, counted)
}

test('count one counter, up and down, and read it', () =>
  inServerLab(async lab => {
    const server = await lab.start('api-1')
    const first = await post(server, '/v1/counters/orders', { add: 5 })
    assert.is(first.status, 200)
    assert.equal(first.json, { key: 'orders', value: 5 })
    assert.match(first.headers.get('tallymesh-after') ?? '', /^[0-9a-f]+:1$/)
    assert.is(first.headers.get('tallymesh-node'), 'api-1')
    assert.equal((await post(server, '/v1/counters/orders', { add: -7 })).json, { key: 'orders', value: -2 })
    assert.equal((await ask(server, '/v1/counters/orders')).json, {
      ...{ key: 'orders', value: -2, increments: 5, decrements: 7 },
    })
  })())

test('take keys in any order of labels and answer the canonical one', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const key = 'or/ders %{b="2 ü\\"x",a="1"}'
    const canonical = 'or/ders %{a="1",b="2 ü\\"x"}'
    const path = `/v1/counters/${encodeURIComponent(key)}`
    assert.equal((await post(server, path, { add: 1 })).json, { key: canonical, value: 1 })
    assert.equal((await post(server, '/v1/counters', [{ key, add: 2 }])).json, [{ key: canonical, value: 3 }])
    assert.is((await ask(server, path)).json.key, canonical)
    const longest = `${'\\{'.repeat(256)}{${Array.from({ length: 16 }, (_, at) => `l${at}="${'\\"'.repeat(256)}"`).join(',')}}`
    const answer = await post(server, `/v1/counters/${encodeURIComponent(longest).replaceAll('%2C', ',')}`, { add: 1 })
    assert.is(answer.status, 200, answer.text)
    assert.is((await ask(server, '/v1/counters/never')).json.value, 0)
  })())

test('reading a counter that was never counted leaves nothing behind', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    for (let at = 0; at < 20; at++) assert.is((await ask(server, `/v1/counters/never-${at}`)).status, 200)
    assert.is(server.node.stats.keys, 0)
  })())

test('count many in one commit, or none', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const entries = [...[{ key: 'a', add: 1 }], ...[{ key: 'b', add: -2 }], ...[{ key: 'a', add: 3 }]]
    const answer = await post(server, '/v1/counters?replicas=1&timeoutMs=500', entries)
    assert.equal(answer.json, [
      { key: 'a', value: 4 },
      { key: 'b', value: -2 },
      { key: 'a', value: 4 },
    ])
    assert.is(server.node.stats.commits, 1)
    for (const bad of [
      { key: '', add: 1 },
      { key: 'c{', add: 1 },
      { key: 'a', add: 0 },
      { key: 'a', add: MAX },
    ]) {
      const refused = await post(server, '/v1/counters', [{ key: 'a', add: 1 }, bad])
      assert.ok(refused.status === 400 || refused.status === 409, refused.text)
      assert.is(refused.json.counted, false)
    }
    assert.is(server.node.counterByKey('a').value, 4)
    problem(await post(server, '/v1/counters', []), 400, 'REQUEST_INVALID', false)
    const many = Array.from({ length: 2_001 }, (_, at) => ({ key: `k${at}`, add: 1 }))
    problem(await post(server, '/v1/counters', many), 400, 'REQUEST_INVALID', false)
    assert.is((await post(server, '/v1/counters', many.slice(1))).status, 200)
  })())

test('refuse what is not a plain amount, and count nothing of it', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const bodies: Array<[body: string, code: string]> = [
      ...(
        ['{"add":0}', '{"add":"5"}', '{"add":null}', '{"add":true}', '{"add":[1]}', '{"add":9007199254740992}'] as const
      ).map((body): [string, string] => [body, 'INVALID_AMOUNT']),
      ['{"add":-9007199254740992}', 'INVALID_AMOUNT'],
      [`{"add":${'9'.repeat(400)}}`, 'INVALID_AMOUNT'],
      ['{"add":1.5}', 'REQUEST_INVALID'],
      ['{"add":1e2}', 'REQUEST_INVALID'],
      ['{"add":1e309}', 'REQUEST_INVALID'],
      ['{"add":-0}', 'REQUEST_INVALID'],
      ['{"add":1,"add":2}', 'REQUEST_INVALID'],
      ['{"add":1,"by":2}', 'REQUEST_INVALID'],
      ['{"add":1,"__proto__":{}}', 'REQUEST_INVALID'],
      ['{"add":1,"constructor":{}}', 'REQUEST_INVALID'],
      ['{"add":1,"replicas":0}', 'REQUEST_INVALID'],
      ['{"add":1,"replicas":"most"}', 'REQUEST_INVALID'],
      ['{"add":1,"replicas":"2"}', 'REQUEST_INVALID'],
      ['{"add":1,"timeoutMs":0}', 'REQUEST_INVALID'],
      ['{"add":1,"timeoutMs":600001}', 'REQUEST_INVALID'],
      ['{}', 'REQUEST_INVALID'],
      ['[{"key":"orders","add":1}]', 'REQUEST_INVALID'],
      ['5', 'REQUEST_INVALID'],
      ['null', 'REQUEST_INVALID'],
      ['', 'REQUEST_INVALID'],
      ['{"add":1', 'REQUEST_INVALID'],
      [`${'[['.repeat(20_000)}1${']]'.repeat(20_000)}`, 'REQUEST_INVALID'],
    ]
    for (const [body, code] of bodies) problem(await post(server, '/v1/counters/orders', body), 400, code, false)
    problem(await post(server, '/v1/counters/orders?replicas=2', { add: 1 }), 400, 'REQUEST_INVALID', false)
    problem(await post(server, '/v1/counters/o%0Arders', { add: 1 }), 400, 'INVALID_NAME', false)
    problem(await post(server, '/v1/counters/%ED%A0%80', { add: 1 }), 400, 'REQUEST_INVALID', false)
    problem(await post(server, '/v1/counters?replicas=zwei', [{ key: 'a', add: 1 }]), 400, 'REQUEST_INVALID', false)
    problem(
      await post(server, '/v1/counters?replicas=1&replicas=2', [{ key: 'a', add: 1 }]),
      400,
      'REQUEST_INVALID',
      false,
    )
    assert.is(server.node.stats.commits, 0)
    assert.is(server.node.counterByKey('orders').value, 0)
  })())

test('name the entry of a batch, the option or nothing of counting in what they refuse', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const detail = async (answer: Promise<Answer>) => (await answer).json.detail as string
    const batch = post(server, '/v1/counters', [
      { key: 'x', add: 1 },
      { key: 'y{', add: 1 },
    ])
    assert.match(await detail(batch), /^body\/1\/key: .*; nothing was counted$/)
    const rule = 'replicas must be an integer from 1 to 1000, or "majority"; nothing was counted'
    for (const replicas of ['all', 0, 1_001, null]) {
      assert.is(await detail(post(server, '/v1/counters/x', { add: 1, replicas })), `body/${rule}`)
    }
    assert.is(await detail(post(server, '/v1/counters?replicas=all', [{ key: 'x', add: 1 }])), `querystring/${rule}`)
    const big = Number.MAX_SAFE_INTEGER
    const over = post(server, '/v1/counters', [
      { key: 'x', add: big },
      { key: 'x', add: 1 },
    ])
    assert.is(
      await detail(over),
      `x has ${big} increments in this group; 1 more would pass 2^53 - 1. Nothing was counted`,
    )
    for (const path of ['/v1/counters?limit=0', '/v1/counters?x=1', '/v1/counters/x?%ff', '/v1/counters/%ff']) {
      const { status, json } = await ask(server, path)
      assert.is(status, 400, path)
      assert.not.match(json.detail as string, /counted/)
      assert.is(json.counted, undefined)
    }
    assert.is(server.node.stats.commits, 0)
  })())

test('refuse bodies of another type, encoding or size', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { bodyBytesMax: 1_024 })
    const body = '{"add":1}'
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'nonsense',
      'application/x-ndjson',
    ]
    for (const type of types) {
      const answer = await post(server, '/v1/counters/orders', body, { 'content-type': type })
      problem(answer, 415, 'MEDIA_TYPE_UNSUPPORTED', false)
    }
    problem(
      await post(server, '/v1/counters/orders', body, { 'content-encoding': 'gzip' }),
      415,
      'MEDIA_TYPE_UNSUPPORTED',
      false,
    )
    problem(await post(server, '/v1/counters/orders', `{"add":1${' '.repeat(1_024)}}`), 413, 'BODY_TOO_LARGE', false)
    const chunked = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(' '.repeat(700)))
      },
    })
    const streamed = { method: 'POST', body: chunked, duplex: 'half', headers: { 'content-type': 'application/json' } }
    const answer = await ask(server, '/v1/counters/orders', streamed as RequestInit)
    problem(answer, 413, 'BODY_TOO_LARGE', false)
    assert.is(server.node.stats.commits, 0)
    for (const type of ['application/json', 'application/json; charset=UTF-8', 'application/json;charset="utf-8"']) {
      assert.is((await post(server, '/v1/counters/orders', body, { 'content-type': type })).status, 200, type)
    }
  })())

test('answer values beyond 2^53 - 1 as strings, exactly', () =>
  inServerLab(async lab => {
    const [a, b] = [await lab.start('a'), await lab.start('b')]
    for (const server of [a, b]) assert.is((await post(server, '/v1/counters/big', { add: MAX })).json.value, MAX)
    assert.is((await post(a, '/v1/counters/big', { add: -1 })).json.value, MAX - 1)
    problem(await post(a, '/v1/counters/big', { add: 1 }), 409, 'COUNTER_OVERFLOW', false)
    const c = await lab.start('c', { peers: [a, b].map(({ url }) => url.replace('http', 'ws')) })
    await meshed(c)
    const position = [a, b].map(({ node }) => node.position).join(',')
    const total = (BigInt(MAX) * 2n).toString()
    const read = await ask(c, '/v1/counters/big', { headers: { 'tallymesh-after': position } })
    assert.equal(read.json, { key: 'big', value: String(BigInt(total) - 1n), increments: total, decrements: 1 })
    const page = await ask(c, '/v1/counters')
    assert.equal(page.json, { counters: [read.json], next: null })
    assert.is((await post(c, '/v1/counters/big', { add: 2 })).json.value, String(BigInt(total) + 1n))
  })())

test('page through all counters in key order', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const keys = Array.from({ length: 45 }, (_, at) => `k-${String(at).padStart(2, '0')}`)
    await post(server, '/v1/counters', [...keys.map(key => ({ key, add: 1 })), { key: 'other', add: 1 }])
    await ask(server, '/v1/counters/k-zz')
    server.node.counterByKey('k-999')
    const seen: string[] = []
    let after = ''
    for (let pages = 0; pages < 10; pages++) {
      const { json } = await ask(server, `/v1/counters?prefix=k-&limit=10&after=${encodeURIComponent(after)}`)
      seen.push(...(json.counters as Array<{ key: string }>).map(({ key }) => key))
      if (json.next === null) break
      after = json.next as string
    }
    assert.equal(seen, keys)
    assert.is(((await ask(server, '/v1/counters')).json.counters as unknown[]).length, 46)
    assert.equal((await ask(server, '/v1/counters?prefix=none')).json, { counters: [], next: null })
    for (const query of [
      'limit=0',
      'limit=1001',
      'limit=ten',
      'limit=1.5',
      'limit=-1',
      'limit=',
      'page=2',
      'prefix=%zz',
    ]) {
      problem(await ask(server, `/v1/counters?${query}`), 400, 'REQUEST_INVALID')
    }
  })())

test('wait for other stores where that is asked for, and say when they do not confirm', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const late = await post(a, '/v1/counters/orders', { add: 1, replicas: 2, timeoutMs: 50 })
    problem(late, 504, 'NOT_REPLICATED', true)
    assert.is((await ask(a, '/v1/counters/orders')).json.value, 1)
    const lateBatch = await post(a, '/v1/counters?replicas=2&timeoutMs=50', [{ key: 'orders', add: 1 }])
    problem(lateBatch, 504, 'NOT_REPLICATED', true)
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    const both = await post(a, '/v1/counters/orders', { add: 1, replicas: 'majority', timeoutMs: 10_000 })
    assert.equal(both.json, { key: 'orders', value: 3 })
    const read = await ask(b, '/v1/counters/orders', {
      headers: { 'tallymesh-after': both.headers.get('tallymesh-after') ?? '' },
    })
    assert.is(read.json.value, 3)
  })())

test('a read waits for what its client counted elsewhere, and says when it does not come', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')], afterTimeoutMs: 5_000 })
    await meshed(a, b)
    let merged = ''
    for (let at = 1; at <= 20; at++) {
      const counted = await post(at % 2 === 0 ? a : b, '/v1/counters/hops', { add: 1 })
      merged = [merged, counted.headers.get('tallymesh-after')].filter(Boolean).join(',')
      const read = await ask(at % 2 === 0 ? b : a, '/v1/counters/hops', { headers: { 'tallymesh-after': merged } })
      assert.is(read.json.value, at)
    }
    const c = await lab.start('c', { afterTimeoutMs: 30 })
    const never = { headers: { 'tallymesh-after': 'abc123:7' } }
    for (const path of ['/v1/counters/hops', '/v1/counters', '/v1/counters/hops/watch']) {
      problem(await ask(c, path, never), 504, 'NOT_CAUGHT_UP')
    }
    for (const after of ['abc', 'abc:', ':1', 'x:1', 'abc:-1', 'abc:1.5', 'abc:1;def:2', 'abc:99999999999999999']) {
      problem(await ask(c, '/v1/counters/hops', { headers: { 'tallymesh-after': after } }), 400, 'INVALID_OPTION')
    }
  })())

test('every member is listed, and one that is gone can be removed', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    await post(b, '/v1/counters/x', { add: 1 })
    const { json } = await ask(a, '/v1/members')
    const [self, other] = json.members as Array<Record<string, unknown>>
    assert.is(json.room, 'lab')
    assert.is(self?.name, 'a')
    assert.is(self?.replica, null)
    assert.is(self?.self, true)
    assert.is(other?.name, 'b')
    assert.is(other?.url, `${b.url.replace('http', 'ws')}/`)
    assert.is(other?.state, 'up')
    assert.ok(typeof other?.phi === 'number' || other?.phi === null)
    assert.equal(json.operations, { open: 0, oldestMs: 0, admitted: false, waitsFor: [] })
    assert.equal(json.folding, { retired: [], count: 0, folded: 0, waitsFor: [], refused: 0, missed: 0 })
    problem(await ask(a, '/v1/members/b', { method: 'DELETE' }), 409, 'MEMBER_UP')
    problem(await ask(a, '/v1/members/nobody', { method: 'DELETE' }), 404, 'MEMBER_UNKNOWN')
    await b.close()
    for (let tries = 0; tries < 500; tries++) {
      const answer = await ask(a, '/v1/members/b', {
        method: 'DELETE',
        headers: { 'content-type': 'application/json' },
      })
      if (answer.status === 204) return assert.is(((await ask(a, '/v1/members')).json.members as unknown[]).length, 1)
      problem(answer, 409, 'MEMBER_UP')
    }
    assert.unreachable('it could not be removed')
  })())

test.run()
