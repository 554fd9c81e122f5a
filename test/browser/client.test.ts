import { existsSync } from 'node:fs'
import { TallymeshClient } from '@tallymesh/client'
import type { TallymeshServer } from '@tallymesh/server'
import { type Browser, chromium, type Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LosingProxy } from '../client/losing-proxy.js'
import { type ServedRoom, served } from '../client/served-room.js'
import { PageServer } from './page-server.js'

const CHROMIUM = '/usr/bin/chromium'
const test = suite('the client in Chromium')

let browser: Browser
let pages: PageServer

test.before(async () => {
  pages = await PageServer.start()
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
})
test.after(async () => {
  await browser.close()
  pages.close()
})

/** Runs statements in a page, with the client's exports in scope; answers what they return. */
async function inPage(page: Page, urls: readonly string[], statements: string): Promise<unknown> {
  return await page.evaluate(`(async () => {
    const { TallymeshClient, counterKey } = await import('/client/index.js')
    const urls = ${JSON.stringify(urls)}
    const told = error => error.code + ' ' + error.counted
    ${statements}
  })()`)
}

function browsing(body: (room: ServedRoom, page: Page) => Promise<void>): () => Promise<void> {
  return served(async room => {
    const page = await browser.newPage()
    try {
      await page.goto(pages.origin)
      await body(room, page)
    } finally {
      await page.close()
    }
  })
}

const urlsOf = (servers: readonly TallymeshServer[]): string[] => servers.map(({ url }) => url)

test(
  'a page of an allowed origin adds, reads, lists and watches',
  browsing(async (room, page) => {
    const servers = await room.start(['a'], { origins: [pages.origin] })
    const seen = await inPage(
      page,
      urlsOf(servers),
      `
    const client = new TallymeshClient({ urls })
    const key = counterKey('orders', { page: '/ü' })
    const seen = [await client.add(key, 5), await client.add(key, -2), await client.addAll([{ key, add: 1 }]), await client.get(key)]
    const values = client.watch(key, { intervalMs: 10 })
    seen.push((await values.next()).value)
    await client.add(key, 1)
    seen.push((await values.next()).value)
    await values.return()
    for await (const counter of client.counters()) seen.push(counter.key)
    seen.push((await client.members()).members.map(({ name }) => name), client.position !== '')
    await client.close()
    return seen`,
    )
    const key = 'orders{page="/ü"}'
    const total = { key, value: 4, increments: 6, decrements: 2 }
    const values = [
      { key, value: 4 },
      { key, value: 5 },
    ]
    assert.equal(seen, [{ key, value: 5 }, { key, value: 3 }, [{ key, value: 4 }], total, ...values, key, ['a'], true])
  }),
)

test(
  'a page reads its own adds on another server, and gathers adds',
  browsing(async (room, page) => {
    const servers = await room.start(['a', 'b'], { origins: [pages.origin] })
    const seen = await inPage(
      page,
      urlsOf(servers),
      `
    const writer = new TallymeshClient({ urls: [urls[0]], maxDelayMs: 20 })
    for (let i = 0; i < 50; i++) void writer.add('own', 1)
    await writer.flush()
    const reader = new TallymeshClient({ urls: [urls[1]], position: writer.position })
    return (await reader.get('own')).value`,
    )
    assert.is(seen, 50)
  }),
)

test(
  'what a page is refused by the server is told as in Node',
  browsing(async (room, page) => {
    const servers = await room.start(['a'], { origins: [pages.origin] })
    const seen = await inPage(
      page,
      urlsOf(servers),
      `
    const client = new TallymeshClient({ urls, deadlineMs: 500 })
    await client.add('k', 2 ** 53 - 1)
    return [await client.add('k', 1).catch(told), await client.add('k', 0).catch(told)]`,
    )
    assert.equal(seen, ['COUNTER_OVERFLOW false', 'INVALID_AMOUNT false'])
  }),
)

test(
  'of what fails without an answer a page cannot tell whether it was sent',
  browsing(async (room, page) => {
    const servers = await room.start(['a'])
    const nobody = 'http://127.0.0.1:9'
    const seen = await inPage(
      page,
      [...urlsOf(servers), nobody],
      `
    const clients = urls.map(url => new TallymeshClient({ urls: [url], deadlineMs: 300 }))
    return await Promise.all(clients.flatMap(client => [client.add('k', 1).catch(told), client.get('k').catch(told)]))`,
    )
    // The first server allows no pages, at the second address there is none.
    assert.equal(seen, ['INDETERMINATE perhaps', 'UNREACHABLE false', 'INDETERMINATE perhaps', 'UNREACHABLE false'])
    const client = new TallymeshClient({ urls: urlsOf(servers) })
    assert.is((await client.get('k')).value, 0)
    await client.close()
  }),
)

test(
  'an add whose answers are lost is sent again by the client and counts once; without an id neither it nor the browser sends it again',
  browsing(async (room, page) => {
    const [server] = await room.start(['a'], { origins: [pages.origin] })
    const proxy = await LosingProxy.start(Number(new URL(server?.url as string).port))
    try {
      // The first add makes connections that a browser would use again, and resend over, were they kept.
      assert.equal(
        await inPage(
          page,
          [proxy.url],
          `
      globalThis.client = new TallymeshClient({ urls, operations: false })
      return await client.add('k', 1)`,
        ),
        { key: 'k', value: 1 },
      )
      proxy.lose = 10
      assert.is(await inPage(page, [], `return await client.add('k', 1).catch(told)`), 'INDETERMINATE perhaps')
      proxy.lose = 0
      assert.is(await inPage(page, [], `return (await client.get('k')).value`), 2)
      assert.is(proxy.requests.filter(line => line.startsWith('POST')).length, 2)
      proxy.lose = 2
      assert.equal(await inPage(page, [proxy.url], `return await new TallymeshClient({ urls }).add('k', 1)`), {
        key: 'k',
        value: 3,
      })
      assert.ok(proxy.requests.filter(line => line.startsWith('POST')).length > 4, proxy.requests.join(', '))
    } finally {
      await proxy.close()
    }
  }),
)

test(
  'the page that describes the API shows every route, without the network',
  served(async room => {
    const [server] = await room.start(['a'])
    const url = server?.url as string
    const context = await browser.newContext({ viewport: { width: 1_000, height: 1_400 } })
    const elsewhere: string[] = []
    await context.route('**/*', route => {
      const asked = route.request().url()
      if (asked.startsWith(`${url}/`) || asked.startsWith('data:')) return route.continue()
      elsewhere.push(asked)
      return route.abort()
    })
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', error => errors.push(String(error)))
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    await page.goto(`${url}/docs`)
    const rows = page.locator('.opblock-summary')
    await rows.first().waitFor()
    const shown = (await rows.allInnerTexts()).map(text => text.replace(/[\s\u200b]+/g, ' '))
    const openapi = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> }
    const routes = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => ({ path, method })),
    )
    assert.ok(routes.length >= 10, `${routes.length} routes`)
    for (const { path, method } of routes) {
      const row = shown.find(
        text => text.startsWith(`${method.toUpperCase()} ${path} `) || text === `${method.toUpperCase()} ${path}`,
      )
      assert.ok(row, `${method} ${path} is not among\n${shown.join('\n')}`)
    }
    await rows.first().click()
    await page.getByText('Try it out').first().waitFor()
    const picture = await page.screenshot()
    assert.ok(picture.length > 20_000, 'the picture is empty')
    assert.equal({ elsewhere, errors }, { elsewhere: [], errors: [] })
    await context.close()
  }),
)

if (existsSync(CHROMIUM)) test.run()
else console.log('SKIP: chromium is not installed')
