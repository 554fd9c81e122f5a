import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAddOptions } from '../src/add-options.js'
import { thrown } from './wait.js'

const addOptions = suite('add-options')

addOptions('takes numbers of stores, the majority, and a time', () => {
  checkAddOptions({})
  checkAddOptions({ replicas: 1 })
  checkAddOptions({ replicas: 1_000, timeoutMs: 600_000 })
  checkAddOptions({ replicas: 'majority', timeoutMs: 1 })
})

const refused: ReadonlyArray<readonly [string, unknown, RegExp]> = [
  ['none', null, /must be an object/],
  ['a number', 2, /must be an object/],
  ['a typing error', { replica: 2 }, /no option replica; it knows replicas, timeoutMs and operation/],
  ['no store', { replicas: 0 }, /replicas.*1 to 1000, got 0/],
  ['half a store', { replicas: 1.5 }, /got 1.5/],
  ['another word', { replicas: 'all' }, /got "all"/],
  ['too many stores', { replicas: 1_001 }, /got 1001/],
  ['no time', { timeoutMs: 0 }, /timeoutMs/],
  ['endless time', { timeoutMs: Number.POSITIVE_INFINITY }, /got Infinity/],
]
for (const [what, options, message] of refused) {
  addOptions(`refuses ${what}`, () => {
    const error = thrown(() => checkAddOptions(options as never))
    assert.is(error.code, 'INVALID_OPTION')
    assert.match(error.message, message)
  })
}

addOptions.run()
