import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommand } from '../cli/command.js'
import { failureApart } from '../cli/run-seed.js'
import { catchesText } from './mutant-hunt.js'
import { mutantOf } from './mutants.js'

const test = suite('the hunt for mutants')

test('says who was caught by what, who was not, and who fails without the mutant, too', () => {
  const mutant = mutantOf('digest-unchecked')
  const caught = { seed: 12, failure: failureApart('lost-count', 'orders lacks 5') }
  const [, ...lines] = catchesText([
    { mutant, seeds: 12, caught, unsound: false },
    { mutant, seeds: 1_000, caught, unsound: true },
    { mutant, seeds: undefined, caught: undefined, unsound: false },
  ]).split('\n')
  assert.match(lines[0] ?? '', /^digest-unchecked +12 {2}- lost-count +Two nodes that hold a log/)
  assert.match(lines[1] ?? '', /^digest-unchecked +1,000 {2}- lost-count \(also without it\) +Two nodes/)
  assert.match(lines[2] ?? '', /^digest-unchecked +- {2}NOT CAUGHT +Two nodes/)
})

// The stub's seeds notice a table that falls; and seed 600 fails whatever is planted.
test('plants each in processes of its own', async () => {
  let printed = ''
  const code = await runCommand(['--mutants', 'digest-unchecked', 'last-value-wins', '--jobs', '2', '--no-shrink'], {
    root: '/nowhere',
    worker: { simulator: new URL('../cli/stub-simulator.js', import.meta.url).href },
    screen: {
      isTerminal: false,
      columns: 120,
      write: text => {
        printed += text
      },
    },
    interrupt: new AbortController().signal,
  })
  assert.is(code, 1)
  assert.match(printed, /^last-value-wins +1 {2}1 fell +A slot takes/m)
  assert.match(printed, /^digest-unchecked +600 {2}3 lost-count \(also without it\) +Two nodes/m)
  assert.match(printed, /^FAILED: 1 of 2 mutants were not caught: digest-unchecked$/m)
})

test.run()
