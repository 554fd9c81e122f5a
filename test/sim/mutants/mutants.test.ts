import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mutant, plant } from './mutant.js'
import { MUTANTS, mutantOf } from './mutants.js'

const test = suite('mutants')
const root = fileURLToPath(new URL('../../../..', import.meta.url))

test('each fits the compiled product: what it replaces stands there exactly once', () => {
  for (const planted of MUTANTS) {
    for (const file of new Set(planted.edits.map(edit => edit.file))) {
      const source = readFileSync(`${root}${file}`, 'utf8')
      assert.is.not(plant(planted, file, source), source, `${planted.name} changes nothing`)
    }
  }
})

test('each has a name of its own and a story of one sentence', () => {
  const names = MUTANTS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
  assert.ok(names.length >= 22)
  for (const { name, story } of MUTANTS) {
    assert.match(name, /^[a-z]+(?:-[a-z]+)*$/)
    assert.match(story, /^[A-Z][^\n]{20,130}\.$/)
  }
})

test('one that does not fit is refused by name', () => {
  const twice = mutant('twice', 'A mistake that fits in two places.', 'crdt/table', 'x', 'y')
  assert.throws(
    () => plant(twice, 'packages/crdt/dist/src/table.js', 'x and x'),
    'the mutant twice does not fit packages/crdt/dist/src/table.js: what it replaces stands there 2 times',
  )
  assert.throws(() => plant(twice, 'packages/crdt/dist/src/table.js', ''), /stands there 0 times/)
  assert.is(plant(twice, 'packages/crdt/dist/src/table.js', 'an x'), 'an y')
  assert.is(plant(twice, 'packages/crdt/dist/src/other.js', 'x x x'), 'x x x')
  assert.throws(() => mutantOf('nobody'), /^there is no mutant nobody; there are acknowledged-before-sync, /)
})

test.run()
