import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { didYouMean, nearest } from '../../src/cli/nearest.js'

const near = suite('nearest name')
const KNOWN = ['drainMs', 'data', 'listen', 'name', 'peer']

near('finds a name with a letter missing, added, wrong, or swapped', () => {
  assert.is(nearest('drianMs', KNOWN), 'drainMs')
  assert.is(nearest('lisen', KNOWN), 'listen')
  assert.is(nearest('listten', KNOWN), 'listen')
  assert.is(nearest('pear', KNOWN), 'peer')
  assert.is(nearest('DRAINMS', KNOWN), 'drainMs')
})

near('finds nothing where nothing is near', () => {
  assert.is(nearest('certificate', KNOWN), undefined)
  assert.is(nearest('x', KNOWN), undefined)
  assert.is(nearest('', KNOWN), undefined)
  assert.is(didYouMean('certificate', KNOWN), '')
  assert.is(didYouMean('nme', KNOWN), '; did you mean name?')
})

near.run()
