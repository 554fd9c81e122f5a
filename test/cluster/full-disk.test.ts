import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Cluster } from './cluster.js'
import { Tally } from './tally.js'
import { until } from './until.js'

const PAGES = Array.from({ length: 20 }, (_, i) => `page-${i}`)
const fullDisk = suite('a full disk')

/** A small file system of its own, or undefined where this user may not mount one. */
function mountSmall(dir: string): string | undefined {
  mkdirSync(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' })
    return dir
  } catch {
    return undefined
  }
}

/** Takes all of the free space but so many bytes. */
function fill(mount: string, leftBytes: number): string {
  const { bavail, bsize } = statfsSync(mount)
  const ballast = join(mount, 'ballast')
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)))
  return ballast
}

fullDisk('leaves the node running and readable, and loses nothing acknowledged', async () => {
  const cluster = new Cluster()
  const mount = mountSmall(join(cluster.dir, 'small'))
  try {
    if (mount === undefined) return console.log('SKIP: mounting a small tmpfs needs root')
    const a = await cluster.start('a', { dataDir: join(mount, 'data') })
    const b = await cluster.start('b')
    const tally = new Tally()
    await Promise.all([tally.add(a, 'orders', 5), tally.add(b, 'visits', 3)])
    await tally.agreed([a, b])

    const ballast = fill(mount, 64 * 1024)
    const stop = tally.load(a, PAGES)
    await until('the disk to be full', () => a.statuses.includes('opening') || `${tally.attempts} attempts`)
    const told = await a.reported('STORE_WRITE_FAILED')
    assert.match(told.message, /space|write/i)
    assert.is(await a.call('status'), 'opening', 'it is not ready')
    assert.ok((await a.value('orders')) >= 5, 'it answers reads')
    const refused = await a.add('orders', 1).then(
      () => undefined,
      error => error,
    )
    assert.is(refused?.code, 'NOT_READY')
    // The others go on.
    await tally.add(b, 'visits', 40)

    rmSync(ballast)
    await until('the node to be ready again', async () => (await a.call('status')) === 'ready')
    await stop()
    await tally.add(a, 'orders', 700)
    await tally.agreed([a, b])
    assert.ok(tally.acknowledgements < tally.attempts, 'some counts were refused')

    // And once more, with a crash in the middle of it.
    const more = fill(mount, 16 * 1024)
    const stopAgain = tally.load(a, PAGES)
    await until('the disk to be full again', async () => (await a.call('status')) !== 'ready')
    await a.kill()
    await stopAgain()
    rmSync(more)
    const again = await cluster.start('a')
    await tally.add(again, 'orders', 9_000)
    await tally.agreed([again, b])
  } finally {
    await cluster.remove().catch(() => undefined)
    if (mount !== undefined) execFileSync('umount', ['-l', mount])
    await cluster.remove()
  }
})

fullDisk.run()
