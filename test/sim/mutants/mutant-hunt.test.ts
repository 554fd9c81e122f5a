import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommand } from '../cli/command.js'
import { failureApart } from '../cli/run-seed.js'
import { catchesText } from './mutant-hunt.js'
import { mutantOf } from './mutants.js'

const test = suite('the hunt for mutants')

test('says who was caught by what, who was not, and who fails without the mutant, too', () => {
  const mutant = mutantOf('half-is-majority')
  const caught = { seed: 12, failure: failureApart('lost-count', 'orders lacks 5') }
  const [, ...lines] = catchesText([
    { mutant, seeds: 12, caught, unsound: false },
    { mutant, seeds: 1_000, caught, unsound: true },
    { mutant, seeds: undefined, caught: undefined, unsound: false },
  ]).split('\n')
  assert.match(lines[0] ?? '', /^half-is-majority +12 {2}- lost-count +Half of the members pass/)
  assert.match(lines[1] ?? '', /^half-is-majority +1,000 {2}- lost-count \(also without it\) +Half/)
  assert.match(lines[2] ?? '', /^half-is-majority +- {2}NOT CAUGHT +Half/)
})

// The stub's seeds notice a table that falls; and seed 600 fails whatever is planted.
test('plants each in processes of its own', async () => {
  let printed = ''
  const code = await runCommand(['--mutants', 'half-is-majority', 'last-value-wins', '--jobs', '2', '--no-shrink'], {
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
  assert.match(printed, /^half-is-majority +600 {2}3 lost-count \(also without it\) +Half/m)
  assert.match(printed, /^FAILED: 1 of 2 mutants were not caught: half-is-majority$/m)
})

test.run()
