import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readOptions } from './options.js'

const options = suite('options')

options('default to all files, coverage and three at a time', () => {
  assert.equal(readOptions([]), { select: [], coverage: true, jobs: 3, help: false })
})

options('take parts and flags in any order', () => {
  assert.equal(readOptions(['slot', '--no-coverage', 'batch', '--jobs', '4']), {
    select: ['slot', 'batch'],
    coverage: false,
    jobs: 4,
    help: false,
  })
})

options('refuse what they do not know', () => {
  assert.throws(() => readOptions(['--verbose']), /unknown option --verbose/)
  assert.throws(() => readOptions(['']), /an empty PART/)
  for (const jobs of [['0'], ['65'], ['two'], []]) {
    assert.throws(() => readOptions(['--jobs', ...jobs]), /--jobs must be an integer from 1 to 64/)
  }
})

options.run()
