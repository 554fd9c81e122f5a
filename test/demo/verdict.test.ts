import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ledger } from '#demo/ledger.js'
import { verdictLines } from '#demo/summary.js'
import { holdsAll, judge } from '#demo/verdict.js'

const verdict = suite('the verdict of the demo')
const ACKNOWLEDGED = 10
const INDETERMINATE = 2

function books(): Ledger {
  const ledger = new Ledger()
  for (let i = 0; i < ACKNOWLEDGED; i++) ledger.acknowledge(['a'])
  for (let i = 0; i < INDETERMINATE; i++) ledger.doubt(['a'])
  return ledger
}

for (const counted of [10, 11, 12]) {
  verdict(`${ACKNOWLEDGED} acknowledged, ${INDETERMINATE} indeterminate, ${counted} counted by all: passes`, () => {
    const found = judge(books().rows(), [[['a', counted]], [['a', counted]]])
    assert.equal([found.passed, found.lost, found.doubled, found.agree], [true, 0, 0, true])
    assert.match(verdictLines(found, ['x', 'y']).at(-1) ?? '', /^PASSED: lost 0, doubled 0, all nodes agree$/)
  })
}

verdict('one below what was acknowledged is lost', () => {
  const found = judge(books().rows(), [[['a', 9]], [['a', 9]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 1, 0])
  assert.match(verdictLines(found, ['x', 'y']).at(-1) ?? '', /^FAILED: lost 1/)
})

verdict('one above everything that may have been is doubled', () => {
  const found = judge(books().rows(), [[['a', 13]], [['a', 13]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 0, 1])
})

verdict('nodes that differ within the bounds fail', () => {
  const found = judge(books().rows(), [[['a', 10]], [['a', 11]]])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, false])
})

verdict('a loss on one node is not made up for by another node or another counter', () => {
  const ledger = books()
  ledger.acknowledge(['b'])
  const found = judge(ledger.rows(), [
    [
      ['a', 9],
      ['b', 5],
    ],
    [['a', 14]],
  ])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 2, 6, false])
})

verdict('a counter that was never asked for, and one that no node knows, are found', () => {
  const found = judge(books().rows(), [[['ghost', 3]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 10, 3])
})

verdict('a node that does not answer agrees with nobody', () => {
  const found = judge(books().rows(), [[['a', 10]], undefined])
  assert.equal([found.passed, found.agree, found.lost], [false, false, 10])
})

verdict('a run in which nothing was acknowledged proves nothing', () => {
  const found = judge([], [[], []])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, true])
  assert.match(verdictLines(found, ['x', 'y']).at(-1) ?? '', /^FAILED: nothing was acknowledged/)
})

verdict('an error that a customer saw while a node drained fails', () => {
  const found = judge(books().rows(), [[['a', 10]], [['a', 10]]], 2)
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, true])
  assert.match(
    verdictLines(found, ['x', 'y']).at(-1) ?? '',
    /^FAILED: lost 0, doubled 0, all nodes agree; customers saw 2 errors while a node drained$/,
  )
})

for (const kind of ['lost', 'doubled'] as const) {
  verdict(`a planted falsehood is found: ${kind}`, () => {
    const ledger = books()
    assert.is(ledger.plant(kind), 'a')
    // Whatever became of the two that are indeterminate.
    for (const counted of [10, 12]) {
      const found = judge(ledger.rows(), [[['a', counted]]])
      assert.is(found.passed, false)
      assert.ok(found[kind] > 0)
    }
  })
}

verdict('a floor is held counter by counter', () => {
  const floor = books().rows()
  assert.ok(holdsAll(floor, [['a', 10]]))
  assert.not(holdsAll(floor, [['a', 9]]))
  assert.not(holdsAll(floor, [['b', 20]]))
})

verdict.run()
