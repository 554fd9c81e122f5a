import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Position } from '../src/position.js'
import { throwsCode } from './failing.js'

const test = suite('position')

test('merges by the larger clock of each id', () => {
  const position = Position.parse('9f:3,1a:7')
  assert.ok(position.merge('9f:2, 1a:9,c:1'))
  assert.is(position.toString(), '9f:3,1a:9,c:1')
  assert.ok(position.merge(''))
  assert.is(Position.parse(position.toString()).toString(), '9f:3,1a:9,c:1')
})

test('takes nothing of what is not well formed', () => {
  const position = Position.parse('9f:3')
  for (const text of ['9f', '9f:x', 'XY:1', 'c:1,9f:-4', `c:${2 ** 53}`, 'c:1;d:2', `${'f'.repeat(15)}:1`]) {
    assert.not.ok(position.merge(text), text)
  }
  assert.is(position.toString(), '9f:3')
  throwsCode(() => Position.parse('nonsense'), 'INVALID_OPTION')
  throwsCode(() => Position.parse(7 as unknown as string), 'INVALID_OPTION')
})

test('keeps the 64 ids that rose last', () => {
  const position = Position.parse('')
  for (let id = 1; id <= 64; id++) position.merge(`${id.toString(16)}:1`)
  position.merge('1:2')
  position.merge('2:1')
  position.merge('ff:1')
  const ids = position.toString().split(',')
  assert.is(ids.length, 64)
  assert.ok(ids.includes('1:2') && ids.includes('ff:1') && !ids.includes('2:1'))
})

test.run()
