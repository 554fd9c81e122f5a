import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ERROR_CODES, TallymeshError } from '../src/index.js'

const test = suite('errors')

test('an error carries its code, sentence and cause', () => {
  const cause = new Error('beneath')
  const error = new TallymeshError('LOG_FORKED', 'log 9f3 has two histories', { cause })
  assert.instance(error, Error)
  assert.is(error.name, 'TallymeshError')
  assert.is(error.code, 'LOG_FORKED')
  assert.is(error.message, 'log 9f3 has two histories')
  assert.is(error.cause, cause)
  assert.not('cause' in new TallymeshError('LOG_FORKED', 'x'))
})

test('every code is explained in a sentence', () => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^[A-Z]+(_[A-Z]+)*$/)
    assert.ok(meaning.length > 10 && !meaning.endsWith('.'), code)
  }
})

test.run()
