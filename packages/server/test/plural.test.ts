import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plural } from '../src/plural.js'

const test = suite('plural')

test('only one is without an s', () => {
  assert.equal(
    [0, 1, 2].map(count => plural(count, 'slot')),
    ['0 slots', '1 slot', '2 slots'],
  )
})

test.run()
