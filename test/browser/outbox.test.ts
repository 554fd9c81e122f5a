// deadline: 300 s
import { existsSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TallymeshClient } from '@tallymesh/client'
import type { TallymeshServer } from '@tallymesh/server'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LosingProxy } from '../client/losing-proxy.js'
import { served, takingOperations } from '../client/served-room.js'
import { until } from '../cluster/until.js'
import { PageServer } from './page-server.js'

const CHROMIUM = '/usr/bin/chromium'
const INSECURE = 'insecure.test'
const test = suite('an outbox in Chromium')

let pages: PageServer
test.before(async () => {
  pages = await PageServer.start()
})
test.after(() => pages.close())

/** Chromium with a profile that outlives it, before a server whose answers can be lost. */
class Scene {
  readonly #profile = mkdtempSync(join(tmpdir(), 'tallymesh-profile-'))
  #context: BrowserContext | undefined

  constructor(
    readonly server: TallymeshServer,
    readonly proxy: LosingProxy,
  ) {}

  async page(origin = pages.origin): Promise<Page> {
    const args = ['--no-sandbox', `--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`]
    this.#context ??= await chromium.launchPersistentContext(this.#profile, { executablePath: CHROMIUM, args })
    const page = await this.#context.newPage()
    await page.goto(origin)
    return page
  }

  /** Ends the browser and all of its pages at once. */
  async kill(): Promise<void> {
    const context = this.#context as BrowserContext
    const closed = context.waitForEvent('close')
    // A link to `host-pid` of the browser that has the profile.
    process.kill(Number(readlinkSync(join(this.#profile, 'SingletonLock')).split('-').at(-1)), 'SIGKILL')
    await closed
    this.#context = undefined
  }

  async value(key: string): Promise<unknown> {
    const client = new TallymeshClient({ urls: [this.server.url as string] })
    const { value } = await client.get(key)
    await client.close()
    return value
  }

  /** Waits until the server counted what a page added, whose answer is lost. */
  async counted(key: string): Promise<void> {
    await until(`${key} to be counted`, async () => (await this.value(key)) === 1)
  }

  async end(): Promise<void> {
    await this.#context?.close()
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 3 })
  }
}

function browsing(body: (scene: Scene) => Promise<void>): () => Promise<void> {
  return served(async room => {
    const origins = [pages.origin, pages.origin.replace('127.0.0.1', INSECURE)]
    const [server] = (await room.start(['a'], { origins })) as [TallymeshServer]
    await takingOperations([server])
    const proxy = await LosingProxy.start(Number(new URL(server.url as string).port))
    const scene = new Scene(server, proxy)
    try {
      await body(scene)
    } finally {
      await scene.end()
      await proxy.close()
    }
  })
}

/** Runs statements in a page, with a client that has an outbox in scope, the same from call to call. */
async function inPage(page: Page, { proxy }: Scene, statements: string): Promise<unknown> {
  return await page.evaluate(`(async () => {
    const { TallymeshClient } = await import('/client/index.js')
    const { indexedDbOutbox } = await import('/client/indexed-db-outbox.js')
    const options = { urls: ['${proxy.url}'], outbox: indexedDbOutbox('counts'), deadlineMs: 1000 }
    const client = (globalThis.client ??= new TallymeshClient(options))
    const told = error => error.code + ' ' + error.counted
    const recovered = async () => {
      const { counted, failed, damage } = await client.recovery
      return [counted, failed.map(told), damage]
    }
    ${statements}
  })()`)
}

const LOST = Number.POSITIVE_INFINITY

test(
  'adds of a page that crashes, is closed, or goes with its browser are sent again by the next page, and count once',
  browsing(async scene => {
    const ends: Record<string, (page: Page) => Promise<void>> = {
      crash: async page => {
        const crashed = page.waitForEvent('crash')
        void page.goto('chrome://crash').catch(() => {})
        await crashed
        await page.close()
      },
      close: page => page.close(),
      kill: () => scene.kill(),
    }
    for (const [name, end] of Object.entries(ends)) {
      const page = await scene.page()
      assert.equal(await inPage(page, scene, 'return await recovered()'), [0, [], []], name)
      scene.proxy.lose = LOST
      await inPage(page, scene, `client.add('${name}', 1).catch(() => {}); await client.keep()`)
      await scene.counted(name)
      await end(page)
      scene.proxy.lose = 0
      const next = await scene.page()
      assert.equal(await inPage(next, scene, 'return await recovered()'), [1, [], []], name)
      assert.is(await scene.value(name), 1)
      await inPage(next, scene, `await client.add('${name}', 1); await client.close()`)
      await next.close()
    }
  }),
)

test(
  'pages that are open at the same time do not take from one another; the next one takes what they left',
  browsing(async scene => {
    const [first, second] = [await scene.page(), await scene.page()]
    scene.proxy.lose = LOST
    for (const [name, page] of Object.entries({ first, second })) {
      assert.equal(await inPage(page, scene, 'return await recovered()'), [0, [], []])
      await inPage(page, scene, `client.add('${name}', 1).catch(() => {}); await client.keep()`)
      await scene.counted(name)
    }
    await first.close()
    assert.is(await inPage(second, scene, 'return await client.close().catch(told)'), undefined)
    await second.close()
    scene.proxy.lose = 0
    const third = await scene.page()
    assert.equal(await inPage(third, scene, 'return await recovered()'), [2, [], []])
    assert.equal([await scene.value('first'), await scene.value('second')], [1, 1])
  }),
)

test(
  'what is too old, or cannot be read, is told and not sent',
  browsing(async scene => {
    const page = await scene.page()
    scene.proxy.lose = LOST
    await inPage(page, scene, `client.add('k', 1).catch(() => {}); await client.keep()`)
    await scene.counted('k')
    await page.close()
    const next = await scene.page()
    const seen = await inPage(
      next,
      scene,
      `
    await client.close().catch(() => {})
    const late = new TallymeshClient({ ...options, retryWindowMs: 1 })
    const { counted, failed, forget } = await late.recovery
    await forget()
    await late.close()
    const db = await new Promise(resolve => {
      const request = indexedDB.open('counts')
      request.onsuccess = () => resolve(request.result)
    })
    await new Promise(resolve => {
      const transaction = db.transaction('operations', 'readwrite')
      transaction.objectStore('operations').put({ id: 'x', owner: 'y' })
      transaction.oncomplete = resolve
    })
    const last = new TallymeshClient(options)
    const { damage } = await last.recovery
    await last.close()
    return [counted, failed.map(told), failed.map(({ additions }) => additions), damage]`,
    )
    const damage = ['record x cannot be read: operation must be a UUID, got a string; nothing was sent']
    assert.equal(seen, [0, ['OPERATION_EXPIRED perhaps'], [[{ key: 'k', add: 1 }]], damage])
    assert.is(await scene.value('k'), 1)
  }),
)

test(
  'without room, or without Web Locks, an add is refused and not counted',
  browsing(async scene => {
    const page = await scene.page()
    const devtools = await page.context().newCDPSession(page)
    // Before the first write: for a while after one Chromium goes by the room that there was then.
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: pages.origin, quotaSize: 1 })
    assert.is(await inPage(page, scene, `return await client.add('k', 1).catch(told)`), 'OUTBOX_FAILED false')
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: pages.origin })
    assert.is(await inPage(page, scene, `return (await client.add('k', 1)).value`), 1)
    const insecure = await scene.page(pages.origin.replace('127.0.0.1', INSECURE))
    assert.is(await inPage(insecure, scene, `return await client.add('k', 1).catch(told)`), 'OUTBOX_FAILED false')
    assert.is(await scene.value('k'), 1)
  }),
)

if (existsSync(CHROMIUM)) test.run()
else console.log('SKIP: chromium is not installed')
