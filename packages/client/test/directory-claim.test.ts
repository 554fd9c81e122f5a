import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DirectoryClaim } from '../src/directory-claim.js'
import { inDirectory } from './temporary.js'

const test = suite('directory-claim')
const HOLDER = fileURLToPath(new URL('./claim-holder.js', import.meta.url))

test(
  'of this process, and of another until it is killed',
  inDirectory(async dir => {
    const claim = await DirectoryClaim.take(dir)
    assert.is(await DirectoryClaim.take(dir), undefined)
    await claim?.release()
    assert.equal(readdirSync(dir), [])
    const holder = spawn(process.execPath, [HOLDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(holder.stdout, 'data')) as [Buffer]
    assert.is(String(said), 'held\n')
    assert.is(await DirectoryClaim.take(dir), undefined)
    // It cannot answer, and holds it all the same.
    holder.kill('SIGSTOP')
    assert.is(await DirectoryClaim.take(dir), undefined)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    assert.is(readdirSync(dir).length, 1, 'it could not clear up')
    const next = await DirectoryClaim.take(dir)
    assert.ok(next)
    assert.is(readdirSync(dir).length, 1)
    await next?.release()
  }),
)

test(
  'of many that ask at the same time at most one gets it, and then the next does',
  inDirectory(async dir => {
    for (let round = 0; round < 20; round++) {
      const claims = await Promise.all(Array.from({ length: 5 }, () => DirectoryClaim.take(dir)))
      const got = claims.filter(claim => claim !== undefined)
      assert.ok(got.length <= 1, `${got.length} have it`)
      await got[0]?.release()
      const alone = await DirectoryClaim.take(dir)
      assert.ok(alone)
      await alone?.release()
    }
    assert.equal(readdirSync(dir), [])
  }),
)

test(
  'under a path that is too long for a socket',
  inDirectory(async dir => {
    const deep = join(dir, 'd'.repeat(100), 'e'.repeat(100))
    mkdirSync(deep, { recursive: true })
    if (process.platform !== 'linux') return
    const claim = await DirectoryClaim.take(deep)
    assert.ok(claim)
    assert.is(await DirectoryClaim.take(deep), undefined)
    assert.is(readdirSync(deep).length, 1)
    await claim?.release()
    assert.equal(readdirSync(deep), [])
  }),
)

test(
  'a directory that is not there is an error',
  inDirectory(async dir => {
    const error = await DirectoryClaim.take(join(dir, 'none')).catch(reason => reason)
    assert.is(error.code, 'ENOENT')
  }),
)

test.run()
