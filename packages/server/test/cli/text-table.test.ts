import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { textTable } from '../../src/cli/text-table.js'

const table = suite('text table')

table('aligns columns by what a terminal shows', () => {
  const lines = textTable(
    [{ title: 'KEY' }, { title: 'VALUE', align: 'right' }],
    [
      ['a', '1'],
      ['日本', '12345678'],
      ['é', '-3'],
    ],
  )
  assert.equal(lines, ['KEY      VALUE', 'a            1', '日本  12345678', 'é           -3'])
})

table('shows what would move the cursor, and fills what is missing', () => {
  assert.equal(textTable([{ title: 'A' }, { title: 'B' }], [['x\x1b[2J\u202e'], []]), [
    'A                 B',
    'x\\u001b[2J\\u202e',
    '',
  ])
})

table.run()
