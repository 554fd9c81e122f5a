import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Tokens } from '../../src/security/tokens.js'
import { ask, inServerLab, until } from '../lab.js'
import { RawClient } from '../raw-client.js'

const test = suite('the documentation')
const CHROMIUM = '/usr/bin/chromium'

interface Operation {
  readonly security?: unknown
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>
  readonly summary?: string
}

test('describes every route, with its problems and its scope', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { tokens: Tokens.parse('t read') })
    const { json } = await ask(server, '/openapi.json')
    assert.is(json.openapi, '3.0.3')
    const paths = json.paths as Record<string, Record<string, Operation>>
    for (const { method, url, scope } of server.routes) {
      if (method === 'HEAD' || url === '/openapi.json' || url.startsWith('/docs')) continue
      const operation = paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
      assert.ok(operation, `${method} ${url} is not described`)
      assert.ok(operation?.summary)
      assert.equal(operation?.security, scope === 'open' ? undefined : [{ token: [] }], `${method} ${url}`)
      if (url === '/readyz') continue
      assert.ok(operation?.responses['4XX']?.content?.['application/problem+json'], `${method} ${url} has no problems`)
    }
    const { components } = json as { components: { securitySchemes: Record<string, unknown> } }
    assert.ok(components.securitySchemes.token)
    assert.match(JSON.stringify(json), /orders\{region/)
  })())

test('is shown as a page that needs nothing from elsewhere', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { tokens: Tokens.parse('t read') })
    const { status, text, headers } = await ask(server, '/docs')
    assert.is(status, 200)
    assert.not.match(text, /https?:\/\//)
    assert.not.match(headers.get('content-security-policy') ?? '', /https?:|upgrade-insecure|validator/)
    for (const [, asset = ''] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.is((await ask(server, asset)).status, 200, asset)
    }
  })())

test('is made once for all who ask first, also while the server closes', () =>
  inServerLab(async lab => {
    const paths = ['/openapi.json', '/docs', '/docs/static/index.css', '/docs/json', '/openapi.json']
    const server = await lab.start('a')
    const answers = await Promise.all(paths.map(path => ask(server, path)))
    assert.equal(
      answers.map(({ status }) => status),
      paths.map(() => 200),
    )
    assert.equal(answers[0]?.json, answers[3]?.json)
    const closing = await lab.start('b')
    const asked = paths.map(path => ask(closing, path))
    await until('it is asked', async () => (await ask(closing, '/livez')).status === 200)
    await closing.close()
    // A connection whose request had not arrived was closed as idle.
    for (const outcome of await Promise.allSettled(asked)) {
      if (outcome.status === 'fulfilled') assert.is(outcome.value.status, 200)
    }
  })())

test('a file that it does not have is not found', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const dots = await RawClient.open(server.url)
    dots.write('GET /docs/static/%2e%2e/json HTTP/1.1\r\nhost: lab\r\n\r\n')
    await until('it is answered', () => dots.statuses.length === 1)
    assert.equal(dots.statuses, [403])
    dots.close()
    for (const method of ['GET', 'HEAD']) {
      assert.is((await ask(server, '/docs/static/nope', { method })).status, 404, method)
    }
    const { json } = await ask(server, '/docs/static/nope')
    assert.equal([json.code, json.detail], ['NOT_FOUND', 'nothing is served here'])
    const posted = await ask(server, '/docs/static/nope', { method: 'POST' })
    assert.equal([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD'])
  })())

if (existsSync(CHROMIUM)) {
  test('renders in a browser, within its own content policy', () =>
    inServerLab(async lab => {
      const server = await lab.start('a')
      const { chromium } = createRequire(import.meta.url)('playwright-core') as typeof import('playwright-core')
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
      try {
        const page = await browser.newPage()
        const wrong: string[] = []
        page.on('console', message => {
          if (message.type() === 'error') wrong.push(message.text())
        })
        page.on('request', request => {
          if (!request.url().startsWith(server.url) && !request.url().startsWith('data:')) wrong.push(request.url())
        })
        await page.goto(`${server.url}/docs`)
        await page.getByText('Add to a counter').first().waitFor({ timeout: 60_000 })
        assert.equal(wrong, [])
      } finally {
        await browser.close()
      }
    })())
} else console.log('SKIP: chromium is not installed')

test('lets pages of the listed origins in, and no others', () =>
  inServerLab(async lab => {
    const open = await lab.start('a', { origins: ['https://shop.example'], tokens: Tokens.parse('t read,write') })
    const from = (origin: string, more: Record<string, string> = {}) => ({ origin, ...more })
    const preflight = await ask(open, '/v1/counters/orders', {
      method: 'OPTIONS',
      headers: from('https://shop.example', {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,tallymesh-after',
      }),
    })
    assert.is(preflight.status, 204)
    assert.is(preflight.headers.get('access-control-allow-origin'), 'https://shop.example')
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Tallymesh-After/)
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /DELETE/)
    for (const token of ['t', 'wrong']) {
      const headers = from('https://shop.example', { authorization: `Bearer ${token}` })
      const read = await ask(open, '/v1/counters/orders', { headers })
      assert.is(read.headers.get('access-control-allow-origin'), 'https://shop.example', 'errors can be read, too')
      assert.match(read.headers.get('access-control-expose-headers') ?? '', /Tallymesh-After/)
    }
    const other = await ask(open, '/v1/counters/orders', { headers: from('https://evil.example') })
    assert.is(other.headers.get('access-control-allow-origin'), null)
    const closed = await lab.start('b')
    const denied = await ask(closed, '/v1/counters/x', { headers: from('https://shop.example') })
    assert.is(denied.headers.get('access-control-allow-origin'), null)
    assert.is((await ask(closed, '/v1/counters/x', { method: 'OPTIONS' })).status, 405)
  })())

test.run()
