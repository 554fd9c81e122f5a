import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fileOutbox } from '../src/file-outbox.js'
import { failsWith } from './failing.js'
import { operationOf } from './memory-outbox.js'
import { inDirectory } from './temporary.js'

const test = suite('file-outbox')

test(
  'one at a time, and then the next finds what is left',
  inDirectory(async dir => {
    const path = join(dir, 'not', 'there', 'yet')
    const [first, second] = [fileOutbox(path), fileOutbox(path)]
    assert.equal(await first.open(), { operations: [], damage: [] })
    assert.is(statSync(path).mode & 0o777, 0o700)
    const kept = operationOf('a')
    await first.commit({ keep: [kept], drop: [] })
    for (const outbox of [first, second]) {
      const error = await failsWith(outbox.open(), 'OUTBOX_LOCKED')
      assert.match(error.message, /another client has the outbox .*yet open; nothing was sent/)
      assert.is(error.counted, false)
    }
    await first.close()
    assert.equal(await second.open(), { operations: [kept], damage: [] })
    await second.close()
    assert.equal(readdirSync(path), ['operations.log'])
    await failsWith(first.commit({ keep: [kept], drop: [] }), 'OUTBOX_FAILED')
    await first.close()
  }),
)

test(
  'a place that cannot be used is told, with its path and why',
  inDirectory(async dir => {
    writeFileSync(join(dir, 'file'), '')
    const notDirectory = await failsWith(fileOutbox(join(dir, 'file')).open(), 'OUTBOX_FAILED')
    assert.match(notDirectory.message, /the outbox .*file cannot be opened \(EEXIST.*\); nothing was sent/)
    const path = join(dir, 'outbox')
    mkdirSync(join(path, 'operations.log'), { recursive: true })
    await failsWith(fileOutbox(path).open(), 'OUTBOX_FAILED')
    assert.equal(readdirSync(path), ['operations.log'], 'it is claimed no longer')
    // Root may write everywhere.
    const asRoot = process.geteuid?.() === 0
    chmodSync(dir, 0o500)
    if (asRoot) process.seteuid?.(65_534)
    try {
      assert.match((await failsWith(fileOutbox(join(dir, 'new')).open(), 'OUTBOX_FAILED')).message, /EACCES/)
    } finally {
      if (asRoot) process.seteuid?.(0)
      chmodSync(dir, 0o700)
    }
  }),
)

test.run()
