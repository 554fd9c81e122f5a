// deadline: 300 s
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClientOptions, TallymeshClient, TallymeshClientError } from '@tallymesh/client'
import { fileOutbox } from '@tallymesh/client/file-outbox'
import type { TallymeshServer } from '@tallymesh/server'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../cluster/free-port.js'
import { until } from '../cluster/until.js'
import { numberFrom } from '../faults/environment.js'
import { Seed } from '../faults/seed.js'
import { LosingProxy } from './losing-proxy.js'
import { served, takingOperations } from './served-room.js'
import { WriterProcess } from './writer-process.js'

const test = suite('an outbox on disk, with real servers')
const ROUNDS = numberFrom('ROUNDS', 8)

interface Scene {
  readonly dir: string
  readonly server: TallymeshServer
  readonly url: string
  /** The values of all counters, by their keys. */
  values(): Promise<Map<string, number>>
}

function withOutbox(body: (scene: Scene) => Promise<void>): () => Promise<void> {
  return served(async room => {
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-outbox-'))
    const [server] = (await room.start(['a'])) as [TallymeshServer]
    await takingOperations([server])
    const url = server.url as string
    const reader = new TallymeshClient({ urls: [url] })
    const values = async (): Promise<Map<string, number>> => {
      const all = new Map<string, number>()
      for await (const { key, value } of reader.counters({ limit: 1_000 })) all.set(key, Number(value))
      return all
    }
    try {
      await body({ dir, server, url, values })
    } finally {
      await WriterProcess.killAll()
      await reader.close()
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

async function using<T>(
  scene: Scene,
  act: (client: TallymeshClient) => Promise<T>,
  options: Partial<ClientOptions> = {},
): Promise<T> {
  const client = new TallymeshClient({ urls: [scene.url], outbox: fileOutbox(scene.dir), ...options })
  try {
    return await act(client)
  } finally {
    await client.close().catch(() => {})
  }
}

async function failure(call: Promise<unknown>): Promise<TallymeshClientError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, TallymeshClientError)
  return error as TallymeshClientError
}

test(
  'a program is killed after the server counted and before it is told: sent again, it counts once',
  withOutbox(async scene => {
    const proxy = await LosingProxy.start(Number(new URL(scene.url).port))
    try {
      for (const maxDelayMs of [0, 10]) {
        const name = `lost${maxDelayMs}`
        // An outbox for each: who is killed as soon as it is told may leave what it was told of, and the next one sends that first.
        const plan = { dir: join(scene.dir, name), url: proxy.url, name, maxDelayMs, adds: 1 }
        const writer = new WriterProcess(plan)
        proxy.meanwhile = () => writer.kill()
        proxy.lose = 1
        await until('the answer to be lost', () => proxy.lose === 0)
        await writer.kill()
        const key = `${name}{i="0"}`
        assert.is((await scene.values()).get(key), 1, 'the server counted it')
        const again = new WriterProcess({ ...plan, adds: 0 })
        assert.is(await again.says(/^recovered/), 'recovered 1 0')
        await again.kill()
        assert.is((await scene.values()).get(key), 1)
      }
    } finally {
      await proxy.close()
    }
  }),
)

test(
  'a program is killed before any server could be reached: it counts when it is started again',
  withOutbox(async scene => {
    const url = `http://127.0.0.1:${await freePort()}`
    const plan = { dir: scene.dir, url, name: 'early', adds: 100 }
    for (const maxDelayMs of [0, 1]) {
      const writer = new WriterProcess({ ...plan, name: `early${maxDelayMs}`, maxDelayMs })
      await writer.says(/^kept 100$/)
      await writer.kill()
    }
    const { counted, failed } = await using(scene, client => client.recovery)
    assert.equal(failed, [])
    assert.ok(counted > 100, `${counted} operations: each add of one, batches of the other`)
    const values = await scene.values()
    for (let i = 0; i < 100; i++) assert.equal([values.get(`early0{i="${i}"}`), values.get(`early1{i="${i}"}`)], [1, 1])
    assert.is((await using(scene, client => client.recovery)).counted, 0)
  }),
)

test(
  'a program is killed again and again at any moment: what it kept counts once, and nothing twice',
  withOutbox(async scene => {
    const seed = new Seed('an outbox whose program is killed')
    const proxy = await LosingProxy.start(Number(new URL(scene.url).port))
    const kept = new Map<string, number>()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const name = `round${round}`
        const plan = { dir: scene.dir, url: proxy.url, name, maxDelayMs: round % 2 === 0 ? 2 : 0 }
        const writer = new WriterProcess(plan)
        const wanted = seed.between(0, 150)
        await until(`the writer to keep ${wanted}`, () => writer.kept > wanted || `${writer.kept}`)
        proxy.lose = seed.between(0, 2)
        await until('answers to be lost', () => proxy.lose === 0)
        await writer.kill()
        kept.set(name, writer.kept)
      }
    } finally {
      await proxy.close()
    }
    const { failed, damage } = await using(scene, client => client.recovery)
    assert.equal([failed, damage], [[], []])
    const values = await scene.values()
    for (const [key, value] of values) assert.is(value, 1, key)
    for (const [name, count] of kept) {
      for (let i = 0; i < count; i++) assert.ok(values.has(`${name}{i="${i}"}`), `${name} ${i} of ${count}`)
    }
  }),
)

test(
  'a second process on the directory is refused, and counts nothing; the first goes on',
  withOutbox(async scene => {
    await using(scene, async client => {
      await client.recovery
      const second = new WriterProcess({ dir: scene.dir, url: scene.url, name: 'second', maxDelayMs: 0, adds: 1 })
      await second.says(/^kept 1$/)
      assert.equal(new Set(second.lines), new Set(['OUTBOX_LOCKED', 'kept 1']))
      await second.kill()
      await client.add('first', 1)
    })
    const values = await scene.values()
    assert.equal([values.get('first'), values.get('second{i="0"}')], [1, undefined])
  }),
)

test(
  'what is too old is told with its id and its counts, and not sent',
  withOutbox(async scene => {
    const nobody = { urls: [`http://127.0.0.1:${await freePort()}`], deadlineMs: 50 }
    const error = await using(
      scene,
      async client => {
        const add = failure(client.add('old', 5))
        await failure(client.close()).catch(() => {})
        return await add
      },
      nobody,
    )
    assert.equal([error.code, error.counted], ['KEPT', 'perhaps'])
    await until(
      'the window to be over',
      () => Date.now() - Number.parseInt((error.operation ?? '').slice(0, 13).replace('-', ''), 16) > 5,
    )
    const window = { retryWindowMs: 5 }
    for (let time = 0; time < 2; time++) {
      const { counted, failed, forget } = await using(scene, client => client.recovery, window)
      const told = failed.map(({ code, counted, operation, additions }) => [code, counted, operation, additions])
      assert.equal(told, [['OPERATION_EXPIRED', 'perhaps', error.operation, [{ key: 'old', add: 5 }]]])
      assert.is(counted, 0)
      if (time === 1) await forget()
    }
    assert.is((await scene.values()).get('old'), undefined)
  }),
)

test(
  'on a full disk an add is refused and not counted; what was kept before counts, and the next add does when there is room',
  withOutbox(async scene => {
    const small = join(scene.dir, 'small')
    execFileSync('mkdir', [small])
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tallymesh-test', small], { stdio: 'pipe' })
    } catch {
      return console.log('SKIP: mounting a small tmpfs needs root')
    }
    try {
      const here = { ...scene, dir: join(small, 'outbox') }
      const nobody = { urls: [`http://127.0.0.1:${await freePort()}`], deadlineMs: 50 }
      await using(
        here,
        async client => {
          const before = failure(client.add('before', 1))
          await client.keep()
          fill(join(small, 'ballast'))
          const errors: TallymeshClientError[] = []
          // The file's last page takes some.
          while (errors.length < 3) {
            const key = `full${errors.length}`.padEnd(200, '.')
            const outcome = client.add(key, 1).catch((error: TallymeshClientError) => error)
            const kept = await client.keep().then(
              () => true,
              () => false,
            )
            if (!kept) errors.push((await outcome) as TallymeshClientError)
          }
          for (const error of errors) {
            assert.equal([error.code, error.counted], ['OUTBOX_FAILED', false])
            assert.match(error.message, /ENOSPC.*nothing was sent/)
          }
          rmSync(join(small, 'ballast'))
          const after = failure(client.add('after', 1))
          await client.keep()
          await failure(client.close()).catch(() => {})
          assert.is((await before).code, 'KEPT')
          assert.is((await after).code, 'KEPT')
        },
        nobody,
      )
      const { failed, damage } = await using(here, client => client.recovery)
      assert.equal([failed, damage], [[], []])
      const values = await scene.values()
      assert.equal([values.get('before'), values.get('after')], [1, 1])
      assert.is(values.get('full1'.padEnd(200, '.')), undefined)
      assert.is(values.get('full2'.padEnd(200, '.')), undefined)
    } finally {
      execFileSync('umount', ['-l', small], { stdio: 'pipe' })
    }
  }),
)

function fill(path: string): void {
  const { bavail, bsize } = statfsSync(join(path, '..'))
  writeFileSync(path, Buffer.alloc(bavail * bsize))
}

test.run()
