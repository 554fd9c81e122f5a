import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FlagError, readFlags } from './flags.js'

const flags = suite('flags of the simulator')
const read = (text: string) => readFlags(text === '' ? [] : text.split(' '), () => 41)

flags('none: a thousand drawn seeds, on all cores, shrunk where one fails', () => {
  const { jobs, ...rest } = read('')
  assert.ok(jobs >= 1)
  assert.equal(rest, {
    seeds: 1_000,
    seed: 41,
    seedGiven: false,
    minutes: Number.POSITIVE_INFINITY,
    nodes: undefined,
    events: undefined,
    trace: false,
    plan: undefined,
    shrink: true,
    mutants: undefined,
    deep: false,
    keepGoing: false,
    help: false,
  })
})

flags('all of them', () => {
  const all = read(
    '--seeds 20 --seed 9007199254740991 --minutes 0.5 --nodes 9 --events 300 --deep --no-shrink --keep-going --jobs 3',
  )
  assert.is(all.seeds, 20)
  assert.is(all.seed, Number.MAX_SAFE_INTEGER)
  assert.ok(all.seedGiven && all.deep && all.keepGoing && !all.shrink)
  assert.is(all.minutes, 0.5)
  assert.is(all.nodes, 9)
  assert.is(all.events, 300)
  assert.is(all.jobs, 3)
})

flags('a seed alone is one run; minutes alone have no end of seeds', () => {
  assert.is(read('--seed 7').seeds, 1)
  assert.is(read('--seed 7 --seeds 3').seeds, 3)
  assert.is(read('--minutes 2').seeds, Number.POSITIVE_INFINITY)
  assert.is(read('--minutes 2 --seed 7').seeds, Number.POSITIVE_INFINITY)
  assert.ok(read('--seed 7 --trace').trace)
})

flags('mutants: all, or those named', () => {
  assert.equal(read('--mutants').mutants, [])
  assert.equal(read('--mutants one two').mutants, ['one', 'two'])
  assert.equal(read('--mutants one --seed 3').mutants, ['one'])
  assert.equal(read('--plan x.txt --mutants one').mutants, ['one'])
})

const WRONG: ReadonlyArray<readonly [string, string]> = [
  ['--seeds 0', '--seeds must be an integer from 1 to 1000000000, got "0"'],
  ['--seed 1.5', '--seed must be an integer from 0 to 9007199254740991, got "1.5"'],
  ['--seed 9007199254740992', '--seed must be an integer from 0 to 9007199254740991, got "9007199254740992"'],
  ['--minutes 0', '--minutes must be a number above 0, at most 100000, got "0"'],
  ['--nodes 10', '--nodes must be an integer from 1 to 9, got "10"'],
  ['--events 1e3', '--events must be an integer from 1 to 100000, got "1e3"'],
  ['--jobs -1', '--jobs needs a value'],
  ['--seeds', '--seeds needs a value'],
  ['--deep=yes', '--deep takes no value'],
  ['--sede 4', 'unknown flag --sede'],
  ['-s', 'unknown flag -s'],
  ['41', '"41" belongs to no flag'],
  ['--trace', '--trace prints the steps of one run; it needs --seed S or --plan FILE'],
  ['--trace --seed 4 --seeds 2', '--trace prints the steps of one run; it needs --seed S or --plan FILE'],
  ['--plan x --seed 4', '--plan runs the plan of a file; --seed does not go with it'],
  ['--plan x --nodes 4', '--plan runs the plan of a file; --nodes does not go with it'],
  ['--mutants --seed 3', '--mutants with --seed or --plan plants one bug; name one'],
]

for (const [text, sentence] of WRONG) {
  flags(`refused: ${text}`, () => {
    assert.throws(
      () => read(text),
      (error: Error) => error instanceof FlagError && assert.is(error.message, sentence) === undefined,
    )
  })
}

flags.run()
