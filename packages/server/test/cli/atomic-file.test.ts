import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AtomicFile } from '../../src/cli/atomic-file.js'
import { scratch } from './cli-process.js'

const dir = scratch()
const path = join(dir, 'room.ndjson')
const atomic = suite('atomic file')

async function refusal(path: string): Promise<string> {
  const error: unknown = await new AtomicFile(path).create().catch((error: unknown) => error)
  return (error as Error).message
}

atomic('stands in its place once it is whole, readable by its owner only', async () => {
  writeFileSync(path, 'before')
  const file = new AtomicFile(path)
  await file.create()
  await file.write(Buffer.from('after '))
  await file.write(Buffer.alloc(300_000, 'x'))
  assert.is(readFileSync(path, 'utf8'), 'before')
  await file.commit()
  file.discard()
  assert.is(statSync(path).size, 300_006)
  assert.is(statSync(path).mode & 0o777, 0o600)
  assert.equal(readdirSync(dir), ['room.ndjson'])
})

atomic('leaves nothing where it is given up', async () => {
  const file = new AtomicFile(join(dir, 'other'))
  await file.create()
  await file.write(Buffer.from('x'))
  file.discard()
  file.discard()
  assert.equal(readdirSync(dir), ['room.ndjson'])
})

atomic('is refused where it would replace something else, or cannot be', async () => {
  assert.match(await refusal('/dev/null'), /\/dev\/null cannot be written: it is no regular file/)
  assert.match(await refusal(dir), /it is a directory/)
  assert.match(await refusal(join(dir, 'no', 'file')), /it does not exist/)
  assert.match(await refusal(join(path, 'file')), /a part of the path is not a directory/)
})

atomic.run()
