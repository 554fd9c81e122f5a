import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readScenarios } from './scenario.js'
import { runScenario } from './scenario-run.js'

const test = suite('scenario')

const read = (text: string) => readScenarios('x.txt', text)

function refused(text: string): string {
  try {
    read(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing was refused'
}

test('a file holds scenarios, each with its room and its lines', () => {
  const [first, second, ...others] = read(`# about
scenario the first, "so to speak"
nodes a b c
option heartbeat 200
asleep c
add a orders 3 ; kill b
not value * orders 3 # why
wait 2s
settle

scenario another
nodes a
value a "x y" -7
`)
  assert.is(others.length, 0)
  assert.ok(first)
  assert.is(first.title, 'the first, "so to speak"')
  assert.equal([first.room.nodes, first.room.heartbeatMs, first.asleep], [['a', 'b', 'c'], 200, ['c']])
  assert.equal(
    first.lines.map(({ number, steps }) => [number, steps.map(({ type }) => type)]),
    [
      [6, ['command', 'command']],
      [7, ['expect']],
      [8, ['wait']],
      [9, ['settle']],
    ],
  )
  assert.is(second?.room.heartbeatMs, 500)
})

test('a wrong file names its line', () => {
  const head = 'scenario x\nnodes a\n'
  assert.match(refused('nodes a'), 'x.txt:1: a line before the first scenario')
  assert.match(refused(`${head}jump a`), 'x.txt:3: "jump" is no command')
  assert.match(refused(`${head}add a orders`), 'x.txt:3: expected an amount')
  assert.match(refused(`${head}add a orders 3 ; kill`), 'x.txt:3: expected a node')
  assert.match(refused(`${head}value a orders three`), 'x.txt:3: expected a value')
  assert.match(refused(`${head}state a b away`), 'x.txt:3: expected up or suspect or down')
  assert.match(refused(`${head}id a other`), 'x.txt:3: expected same or fresh or none')
  assert.match(refused(`${head}not add a orders 3`), 'x.txt:3: expected what must not be seen')
  assert.match(refused(`${head}wait`), 'x.txt:3: expected how long')
  assert.match(refused(`${head}value a orders 3\noption distinct`), 'x.txt:4: "option" is no command')
  assert.match(refused(`${head}add a orders 3`), 'x.txt: the scenario "x" expects nothing')
  assert.match(refused('scenario x\nup a'), 'a line with the nodes is missing')
})

test('what is not as expected is named with its line, what was expected and what was seen', async () => {
  const play = async (lines: string) => {
    const [scenario] = read(`scenario x\nnodes a b\n${lines}`)
    assert.ok(scenario)
    return runScenario(scenario).then(
      () => 'nothing failed',
      error => (error as Error).message,
    )
  }
  const add = 'add a orders 3\noutcome ok\n'
  assert.is(await play(`${add}value a orders 3\nvalue * orders 3`), 'nothing failed')
  assert.is(await play(`${add}value a orders 4`), 'x.txt:5: expected value a orders 4, saw a 3')
  assert.is(await play(`${add}not value * orders 3`), 'x.txt:5: expected not value * orders 3, saw a 3, b 3')
  assert.is(await play(`${add}kill b\nvalue b orders 3`), 'x.txt:6: expected value b orders 3, saw b is down')
  assert.is(await play(`${add}outcome INDETERMINATE`), 'x.txt:5: expected outcome INDETERMINATE, saw ok')
  assert.is(await play(`${add}down b`), 'x.txt:5: expected down b, saw up')
  assert.is(await play(`${add}members a 3`), 'x.txt:5: expected members a 3, saw 2')
  assert.is(await play(`${add}links a 0`), 'x.txt:5: expected links a 0, saw 1')
  assert.is(await play(`${add}logs b 2`), 'x.txt:5: expected logs b 2, saw 1')
  assert.is(await play(`${add}status a failed`), 'x.txt:5: expected status a failed, saw ready')
  assert.is(await play(`${add}state a b down`), 'x.txt:5: expected state a b down, saw up')
  assert.is(await play(`${add}state a d up`), 'x.txt:5: expected state a d up, saw no such member')
  assert.is(await play(`${add}reported a LOG_FORKED`), 'x.txt:5: expected reported a LOG_FORKED, saw no reports')
  assert.is(
    await play(`${add}refused a STORE_CORRUPT`),
    'x.txt:5: expected refused a STORE_CORRUPT, saw no start was refused',
  )
  assert.match(
    await play(`${add}kill a ; start a\nid a fresh`),
    /^x.txt:6: expected id a fresh, saw [0-9a-f]+, before it was/,
  )
  assert.match(
    await play(`${add}reboot a\nstart a\nadd a orders 1\nid a same`),
    /^x.txt:8: expected id a same, saw [0-9a-f]+/,
  )
  assert.match(await play(`${add}start a\nup a`), /^x.txt:5: .*the command does not apply/)
})

test.run()
