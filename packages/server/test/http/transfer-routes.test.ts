import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Answer, ask, inServerLab, meshed, post, until } from '../lab.js'
import { RawClient } from '../raw-client.js'

const test = suite('export and import')
const TYPE = { 'content-type': 'application/x-ndjson' }

function take(server: { url: string }, text: string, headers: Record<string, string> = TYPE): Promise<Answer> {
  return ask(server, '/v1/import', { method: 'POST', body: text, headers })
}

/** An export as text, with a sum that is right. */
function exported(slots: readonly object[], head: object = {}, end: object = {}): string {
  const lines = slots.map(slot => `${JSON.stringify(slot)}\n`).join('')
  const first = {
    format: 'tallymesh-export',
    version: 1,
    room: 'lab',
    node: 'x',
    at: '2026-01-01T00:00:00.000Z',
    ...head,
  }
  const sha256 = createHash('sha256').update(lines).digest('hex')
  return `${JSON.stringify(first)}\n${lines}${JSON.stringify({ end: true, slots: slots.length, sha256, ...end })}\n`
}

function imports(): string[] {
  return readdirSync(tmpdir()).filter(name => name.startsWith('tallymesh-import-'))
}

test('an export restores a room, and doing it twice changes nothing', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    const entries = Array.from({ length: 1_500 }, (_, at) => ({
      key: `k{n="${at}"}`,
      add: at % 3 === 0 ? -at - 1 : at + 1,
    }))
    await post(a, '/v1/counters', entries)
    await post(b, '/v1/counters', entries)
    const position = [a, b].map(({ node }) => node.position).join(',')
    await ask(a, '/v1/counters/x', { headers: { 'tallymesh-after': position } })
    const answer = await ask(a, '/v1/export')
    assert.is(answer.status, 200)
    assert.is(answer.headers.get('content-type'), 'application/x-ndjson')
    const lines = answer.text.trimEnd().split('\n')
    assert.is(lines.length, 3_002)
    assert.match(lines[0] ?? '', /^\{"format":"tallymesh-export","version":1,"room":"lab","node":"a","at":"20/)
    assert.match(lines[1] ?? '', /^\{"key":"k\{n=\\"0\\"\}","replica":"[0-9a-f]+","increments":0,"decrements":1\}$/)
    const c = await lab.start('c')
    const first = await take(c, answer.text)
    assert.equal(first.json, { slots: 3_000, changed: 3_000 })
    const page = '/v1/counters?limit=1000'
    assert.is((await ask(c, page)).text, (await ask(a, page)).text)
    const { commits } = c.node.stats
    assert.equal((await take(c, answer.text)).json, { slots: 3_000, changed: 0 })
    assert.is(c.node.stats.commits, commits)
    assert.equal(imports(), [])
  })())

test('what is damaged, of another room or too large is refused as a whole', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { importBytesMax: 100_000 })
    const slot = { key: 'orders', replica: 'abc123', increments: 5, decrements: 0 }
    const good = exported([slot])
    const cases: Array<[text: string, status: number, code: string]> = [
      ['', 400, 'EXPORT_DAMAGED'],
      ['nonsense', 400, 'EXPORT_DAMAGED'],
      ['[]\n', 400, 'EXPORT_DAMAGED'],
      [good.slice(0, -20), 400, 'EXPORT_DAMAGED'],
      [good.split('\n').slice(0, 2).join('\n'), 400, 'EXPORT_DAMAGED'],
      [`${good}{}\n`, 400, 'EXPORT_DAMAGED'],
      [good.replace('"increments":5', '"increments":6'), 400, 'EXPORT_DAMAGED'],
      [exported([slot], { format: 'other' }), 400, 'EXPORT_DAMAGED'],
      [exported([slot], { version: 2 }), 400, 'EXPORT_DAMAGED'],
      [exported([slot], {}, { slots: 2 }), 400, 'EXPORT_DAMAGED'],
      [exported([{ ...slot, key: 'a{' }]), 400, 'EXPORT_DAMAGED'],
      [exported([{ ...slot, key: 7 }]), 400, 'EXPORT_DAMAGED'],
      [exported([{ ...slot, replica: 'xyz' }]), 400, 'EXPORT_DAMAGED'],
      [exported([{ ...slot, increments: -1 }]), 400, 'EXPORT_DAMAGED'],
      [exported([{ ...slot, decrements: 2 ** 53 }]), 400, 'EXPORT_DAMAGED'],
      [exported([slot], { room: 'other' }), 409, 'EXPORT_WRONG_ROOM'],
      [exported(Array.from({ length: 2_000 }, (_, at) => ({ ...slot, key: `k${at}` }))), 413, 'BODY_TOO_LARGE'],
      ['x'.repeat(300_000), 413, 'BODY_TOO_LARGE'],
    ]
    for (const [text, status, code] of cases) {
      const answer = await take(server, text)
      assert.equal([answer.status, answer.json.code], [status, code], `${text.slice(0, 300)}: ${answer.text}`)
    }
    assert.is((await take(server, good, { 'content-type': 'application/json' })).status, 400)
    assert.is((await take(server, '{}', { 'content-type': 'application/json' })).json.code, 'MEDIA_TYPE_UNSUPPORTED')
    assert.is((await take(server, good, { 'content-type': 'text/plain' })).json.code, 'MEDIA_TYPE_UNSUPPORTED')
    assert.is(server.node.stats.keys, 0)
    assert.is(server.node.stats.commits, 0)
    assert.equal((await take(server, `${good}\n`)).json, { slots: 1, changed: 1 })
    assert.is((await ask(server, '/v1/counters/orders')).json.value, 5)
    await until('no file is left', () => imports().length === 0)
  })())

test('one import at a time, and one that its sender gives up leaves nothing', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const slow = await RawClient.open(server.url)
    const body = exported([{ key: 'orders', replica: 'abc123', increments: 5, decrements: 0 }])
    slow.write(
      `POST /v1/import HTTP/1.1\r\nhost: lab\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    slow.write(body.slice(0, 20))
    await until('the first has begun', () => imports().length === 1)
    const second = await take(server, body)
    assert.equal([second.status, second.json.code], [429, 'RATE_LIMITED'])
    assert.is(second.headers.get('retry-after'), '1')
    slow.close()
    await until('the first is given up', () => imports().length === 0)
    assert.is((await take(server, body)).status, 200)
  })())

test.run()
