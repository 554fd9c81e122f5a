import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Command } from './command.js'
import { anyCommand, anyPlan } from './samples.js'
import { parseCommand, parsePlan, printCommand, printPlan, VERBS } from './words.js'

const test = suite('words of plans')

function refused(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing was refused'
}

test('what is printed is read as the same command', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(anyCommand, command => {
      seen.add(command.verb)
      const line = printCommand(command)
      assert.not.ok(line.includes('\n'), line)
      assert.equal(parseCommand(line), command)
    }),
    { numRuns: 4000 },
  )
  assert.equal([...seen].sort(), [...VERBS].sort())
})

test('what is printed is read as the same plan', () => {
  fc.assert(
    fc.property(anyPlan, plan => assert.equal(parsePlan(printPlan(plan)), plan)),
    { numRuns: 500 },
  )
})

test('lines are written as people write them', () => {
  const lines: Array<[line: string, command: Command, printed?: string]> = [
    ['add a orders 3', { verb: 'add', node: 'a', key: 'orders', amount: 3 }],
    ['add a orders -2 replicas 2', { verb: 'add', node: 'a', key: 'orders', amount: -2, replicas: 2 }],
    ['add a o{eu="x"} 1', { verb: 'add', node: 'a', key: 'o{eu="x"}', amount: 1 }],
    ['add a "o r" 1 # why', { verb: 'add', node: 'a', key: 'o r', amount: 1 }, 'add a "o r" 1'],
    [
      '  group a orders 1 errors -2 replicas majority',
      {
        verb: 'group',
        node: 'a',
        adds: [
          { key: 'orders', amount: 1 },
          { key: 'errors', amount: -2 },
        ],
        replicas: 'majority',
      },
      'group a orders 1 errors -2 replicas majority',
    ],
    ['kill a at landed', { verb: 'kill', node: 'a', at: 'landed' }],
    ['clock a +2h', { verb: 'clock', node: 'a', ms: 7_200_000 }, 'clock a +7200000'],
    ['clock a -1.5s', { verb: 'clock', node: 'a', ms: -1_500 }, 'clock a -1500'],
    ['pause a 5s', { verb: 'pause', node: 'a', ms: 5_000 }, 'pause a 5000'],
    ['clone a as d elsewhere', { verb: 'clone', node: 'a', as: 'd', here: false }],
    ['disk a slow 200ms', { verb: 'disk', node: 'a', mode: 'slow', ms: 200 }, 'disk a slow 200'],
    ['cut a > b', { verb: 'cut', from: 'a', to: 'b', oneWay: true }],
    ['cut a b', { verb: 'cut', from: 'a', to: 'b', oneWay: false }],
    [
      'partition a b | c d',
      {
        verb: 'partition',
        groups: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      },
    ],
    ['heal', { verb: 'heal' }],
    ['heal a b', { verb: 'heal', nodes: ['a', 'b'] }],
    ['delay a b 50 20', { verb: 'delay', from: 'a', to: 'b', ms: 50, jitterMs: 20 }],
    ['remove c by a', { verb: 'remove', node: 'c', by: 'a' }],
    ['upgrade a 2', { verb: 'upgrade', node: 'a', release: 2 }],
  ]
  for (const [line, command, printed] of lines) {
    assert.equal(parseCommand(line), command, line)
    assert.is(printCommand(command), printed ?? line)
  }
})

test('a wrong line says what was expected and what was found', () => {
  const wrong: Array<[line: string, sentence: RegExp]> = [
    ['', /expected a command at the start, found nothing/],
    ['ad a orders 3', /no command is called "ad"; there are add, group, /],
    ['constructor a', /no command is called "constructor"/],
    ['add', /expected a node, such as a after "add", found nothing; the form is: add NODE KEY AMOUNT/],
    ['add A orders 3', /expected a node, such as a after "add", found "A"/],
    [
      'add a orders 1.5',
      /expected an amount: an integer from -9007199254740991 to .* after "add a orders", found "1.5"/,
    ],
    ['add a orders 9007199254740992', /found "9007199254740992"/],
    ['add a orders 0', /an amount is not 0/],
    ['add a orders 3 4', /expected the end of the line after "add a orders 3", found "4"/],
    ['add a "orders 3', /a quote that does not end: "orders/],
    ['add a "ord\\x" 3', /is no string as JSON writes them/],
    ['add a orders 3 replicas 0', /how many stores: an integer from 1 to 64/],
    ['group a orders', /expected an amount/],
    ['kill a at once', /expected write or landed or witnessed after "kill a at", found "once"/],
    ['pause a -5', /how long: a time such as 500/],
    ['lose a b 101', /a number from 0 to 100 percent/],
    ['partition a b', /a partition has two sides or more/],
    ['partition a | ', /expected a node/],
    ['clone a d', /expected as after "clone a", found "d"/],
  ]
  for (const [line, sentence] of wrong)
    assert.match(
      refused(() => parseCommand(line)),
      sentence,
    )
})

test('a wrong plan names its line', () => {
  const plan = 'seed 41\nnodes a b\n\n5 add a orders 3 # first\n6.5 kill a\n'
  assert.equal(
    parsePlan(plan).events.map(({ atMs }) => atMs),
    [5, 6.5],
  )
  assert.match(
    refused(() => parsePlan(`${plan}4 start a`)),
    /line 6: 4 ms is before the event above it, at 6.5 ms/,
  )
  assert.match(
    refused(() => parsePlan(`${plan}7 starts a`)),
    /line 6: no command is called "starts"/,
  )
  assert.match(
    refused(() => parsePlan(`${plan}start a`)),
    /line 6: expected seed, nodes, keys, option, or the time/,
  )
  assert.match(
    refused(() => parsePlan(`${plan}option delay 5 1`)),
    /line 6: .* the longest, 1, is below/,
  )
  assert.match(
    refused(() => parsePlan('nodes a a\nseed 1')),
    /line 1: a node stands twice/,
  )
  assert.match(
    refused(() => parsePlan('nodes a')),
    /a line with the seed is missing/,
  )
  assert.match(
    refused(() => parsePlan('seed 1')),
    /a line with the nodes is missing/,
  )
})

test.run()
