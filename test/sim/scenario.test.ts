import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readScenarios } from './scenario.js'

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

test.run()
