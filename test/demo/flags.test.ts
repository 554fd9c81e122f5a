import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FlagError, readFlags } from '#demo/flags.js'

const flags = suite('flags of the demo')
const read = (text: string) => readFlags(text === '' ? [] : text.split(' '), () => 41)

flags('none: three nodes, half a minute, all faults, a new seed', () => {
  assert.equal(read(''), {
    nodes: 3,
    seconds: 30,
    seed: 41,
    faults: ['kill', 'freeze', 'drain', 'cut', 'wipe', 'restore'],
    balancer: 'auto',
    keep: false,
    plant: 'none',
    help: false,
  })
})

flags('all of them', () => {
  const read9 = read('--nodes 9 --seconds=600 --seed 0 --faults wipe,kill,wipe --lb nginx --keep --plant lost')
  assert.equal(read9, {
    nodes: 9,
    seconds: 600,
    seed: 0,
    faults: ['wipe', 'kill'],
    balancer: 'nginx',
    keep: true,
    plant: 'lost',
    help: false,
  })
  assert.equal(read('--faults none').faults, [])
})

const WRONG: ReadonlyArray<readonly [string, RegExp]> = [
  ['--nodes 0', /^--nodes must be an integer from 1 to 9, got "0"$/],
  ['--nodes 1.5', /^--nodes must be/],
  ['--seconds 2', /^--seconds must be an integer from 3 to 600, got "2"$/],
  ['--seconds 1e2', /^--seconds must be/],
  ['--seed -1', /^--seed must be an integer from 0 to 4294967295, got "-1"$/],
  ['--seed', /^--seed needs a value$/],
  ['--faults kill,burn', /^--faults must be one of kill, freeze, drain, cut, wipe, restore, got "burn"$/],
  ['--faults kill,none', /got "none"$/],
  ['--lb apache', /^--lb must be one of auto, haproxy, nginx, client, got "apache"$/],
  ['--keep=1', /^--keep takes no value$/],
  ['--burn', /^unknown flag --burn; known are --nodes /],
  ['--constructor', /^unknown flag --constructor/],
  ['-n 3', /^unknown flag -n/],
  ['three', /^Unexpected argument 'three'/],
]

for (const [text, message] of WRONG) {
  flags(`${text} gets one clear line`, () => {
    assert.throws(
      () => read(text),
      (error: unknown) => error instanceof FlagError && message.test(error.message) && !error.message.includes('\n'),
    )
  })
}

flags.run()
