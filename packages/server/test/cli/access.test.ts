import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readAccess } from '../../src/cli/access.js'
import { scratch } from './cli-process.js'

const access = suite('access to a room')
const dir = scratch()

function read(tokenFile: string | undefined, env: Record<string, string> = {}, url = ['http://a:1', 'http://a:1']) {
  return readAccess({ url, tokenFile, timeoutMs: 5_000 }, env)
}

function file(text: string): string {
  const path = join(dir, 'token')
  writeFileSync(path, text)
  return path
}

access('takes the token of the file, else of the environment, else none', () => {
  assert.is(read(undefined).token, undefined)
  assert.is(read(undefined, { TALLYMESH_TOKEN: 'env' }).token, 'env')
  assert.is(read(undefined, { TALLYMESH_TOKEN: '' }).token, undefined)
  assert.is(read(file('abc\n'), { TALLYMESH_TOKEN: 'env' }).token, 'abc')
  assert.is(read(file('# mine\n\n  def read,write me\nghi read\n')).token, 'def')
  assert.equal(read(undefined).urls, ['http://a:1'])
})

access('shows no token where it is refused', () => {
  const refused = [
    () => read(file('# none\n')),
    () => read(join(dir, 'missing')),
    () => read(file('sécret')),
    () => read(undefined, { TALLYMESH_TOKEN: 'sécret' }),
    () => read(undefined, {}, []),
  ]
  for (const call of refused) {
    assert.throws(call, (error: Error & { exit: number }) => error.exit === 2 && !error.message.includes('cret'))
  }
})

access.run()
