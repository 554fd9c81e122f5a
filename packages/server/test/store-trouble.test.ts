import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../src/server.js'
import { ask, inServerLab, post, until } from './lab.js'

const test = suite('a server whose disk is full')

/** Mounts a file system of 3 MiB. Answers whether that is possible here. */
function mounted(path: string): boolean {
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tallymesh-test', path], { stdio: 'pipe' })
    return true
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    if (process.env.REQUIRE_ALL === '1') throw new Error(`a full disk cannot be tested here: ${reason}`)
    console.log(`SKIP: a full disk: ${reason}`)
    return false
  }
}

/** Takes all the space that is left, by ever smaller files. */
function fill(ballast: string): void {
  mkdirSync(ballast)
  for (let bytes = 1024 * 1024, at = 0; bytes >= 1024; ) {
    try {
      writeFileSync(join(ballast, String(at++)), Buffer.alloc(bytes))
    } catch {
      bytes /= 2
    }
  }
}

/** Counts until the disk refuses. Answers how much was acknowledged. */
async function countUntilRefused(server: TallymeshServer): Promise<number> {
  const batch = Array.from({ length: 500 }, (_, at) => ({ key: `key-${at}`, add: 1 }))
  for (let acknowledged = 0; acknowledged < 1_000; acknowledged++) {
    const answer = await post(server, '/v1/counters', batch)
    if (answer.status === 200) continue
    assert.equal([answer.status, answer.json.code, answer.json.counted], [504, 'INDETERMINATE', 'perhaps'])
    assert.match(answer.json.detail as string, /may or may not have been counted: ENOSPC: the disk is full$/)
    return acknowledged
  }
  throw new Error('the disk never filled')
}

test('says so, refuses to count, reads on, and counts again when there is room', () =>
  inServerLab(async lab => {
    const path = join(lab.path, 'disk')
    if (!mounted(path)) return
    try {
      const server = await lab.start('a', { dataDir: join(path, 'data') })
      assert.is((await post(server, '/v1/counters/orders', { add: 7 })).status, 200)
      const ballast = join(path, 'ballast')
      fill(ballast)
      const acknowledged = await countUntilRefused(server)
      await until('it is not ready', async () => (await ask(server, '/readyz')).json.reason === 'store')
      const refused = await post(server, '/v1/counters/orders', { add: 1 })
      assert.equal([refused.status, refused.json.code, refused.json.counted], [503, 'NOT_READY', false])
      assert.is(refused.headers.get('retry-after'), '1')
      for (const { text } of [refused, await ask(server, '/readyz')]) {
        assert.match(text, /ENOSPC: the disk is full/)
        assert.not.match(text, path)
        assert.not.match(text, /may or may not|IO error/)
      }
      const batch = await post(server, '/v1/counters', [{ key: 'orders', add: 1 }])
      assert.equal([batch.status, batch.json.counted], [503, false])
      assert.is((await ask(server, '/v1/counters/orders')).json.value, 7)
      assert.is((await ask(server, '/livez')).status, 200)
      assert.match((await ask(server, '/metrics')).text, /tallymesh_ready 0\n/)
      rmSync(ballast, { recursive: true })
      await until('it is ready again', async () => (await ask(server, '/readyz')).status === 200, 30_000)
      const { json } = await post(server, '/v1/counters/orders', { add: 1 })
      assert.equal(json, { key: 'orders', value: 8 })
      const { value } = (await ask(server, '/v1/counters/key-0')).json
      assert.ok(value === acknowledged || value === acknowledged + 1, `${value} after ${acknowledged}`)
      await server.close()
    } finally {
      execFileSync('umount', ['-l', path], { stdio: 'pipe' })
    }
  })())

test.run()
