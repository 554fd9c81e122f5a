import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readDeadline } from './find-tests.js'

const deadlines = suite('deadlines')

deadlines('are raised by a comment in the first lines', () => {
  assert.is(readDeadline('// deadline: 300 s\nimport x', 120_000), 300_000)
  assert.is(readDeadline('import x\n// deadline: 180 s\n', 120_000), 180_000)
})

deadlines('are not lowered, and not read from further down', () => {
  assert.is(readDeadline('// deadline: 5 s\n', 120_000), 120_000)
  assert.is(readDeadline(`${'\n'.repeat(10)}// deadline: 300 s\n`, 120_000), 120_000)
  assert.is(readDeadline('const text = "// deadline: 300 s"', 120_000), 120_000)
})

deadlines.run()
