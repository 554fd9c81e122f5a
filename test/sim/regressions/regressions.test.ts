import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readRegressions } from './regressions.js'

interface Scene {
  readonly directory: string
}

const test = suite<Scene>('plans that failed once')

test.before.each(scene => {
  Object.assign(scene, { directory: `${mkdtempSync(join(tmpdir(), 'plans-'))}/` })
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

test('are read by name, with what they found', ({ directory }) => {
  writeFileSync(`${directory}b.txt`, '# Two lines\n# on top.\n\nseed 7\nnodes a\n10 kill a # a comment\n')
  writeFileSync(`${directory}a.txt`, '# One.\nseed 8\nnodes a b\n')
  writeFileSync(`${directory}notes.md`, 'no plan')
  const [a, b, ...rest] = readRegressions(directory)
  assert.equal([a?.name, a?.story, a?.plan.seed], ['a', 'One.', 8])
  assert.equal([b?.name, b?.story, b?.plan.events.length], ['b', 'Two lines\non top.', 1])
  assert.is(rest.length, 0)
})

test('one without a story, or that is no plan, is refused by name', ({ directory }) => {
  writeFileSync(`${directory}a.txt`, 'seed 8\nnodes a b\n')
  assert.throws(() => readRegressions(directory), 'a.txt does not begin with a comment that says what it found')
  writeFileSync(`${directory}a.txt`, '# One.\nseed 8\nnodes a b\n10 dance a\n')
  assert.throws(() => readRegressions(directory), /^a\.txt: line 4: /)
})

test.run()
