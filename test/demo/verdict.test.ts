import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Ledger } from '#demo/ledger.js'
import { verdictLines } from '#demo/summary.js'
import { holdsAll, judge, type Verdict } from '#demo/verdict.js'

const verdict = suite('the verdict of the demo')
const ACKNOWLEDGED = 10
const OPEN = 2

/** @param open operations that could not be settled */
function books(open = OPEN): Ledger {
  const ledger = new Ledger()
  for (let i = 0; i < ACKNOWLEDGED; i++) ledger.acknowledge(['a'])
  for (let i = 0; i < open; i++) ledger.leaveOpen({ id: `id-${i}`, keys: ['a'], why: 'INDETERMINATE' })
  return ledger
}

const sentence = (found: Verdict) => verdictLines(found, ['x', 'y']).at(-1) ?? ''

verdict('equal to what was acknowledged, with nothing open: exact', () => {
  const found = judge(books(0), [[['a', 10]], [['a', 10]]])
  assert.equal([found.passed, found.exact, found.lost, found.doubled, found.agree], [true, true, 0, 0, true])
  assert.is(sentence(found), 'PASSED  exact: 10 operations acknowledged, lost 0, doubled 0, all nodes agree')
})

for (const [counted, lost, doubled] of [
  [9, 1, 0],
  [11, 0, 1],
] as const) {
  verdict(`nothing open and one beside what was acknowledged, ${counted}: fails`, () => {
    const found = judge(books(0), [[['a', counted]], [['a', counted]]])
    assert.equal([found.passed, found.exact, found.lost, found.doubled], [false, false, lost, doubled])
    assert.match(sentence(found), new RegExp(`^FAILED  10 operations acknowledged, lost ${lost}, doubled ${doubled}, `))
  })
}

for (const counted of [10, 11, 12]) {
  verdict(
    `${ACKNOWLEDGED} acknowledged, ${OPEN} open, ${counted} counted by all: within bounds, and the open ones are named`,
    () => {
      const found = judge(books(), [[['a', counted]], [['a', counted]]])
      assert.equal([found.passed, found.exact, found.lost, found.doubled, found.agree], [true, false, 0, 0, true])
      const lines = verdictLines(found, ['x', 'y'])
      assert.match(
        sentence(found),
        /^PASSED {2}within bounds, as 2 could not be settled: 10 operations acknowledged, lost 0, /,
      )
      assert.match(lines.at(-2) ?? '', /^operation id-1 could not be settled \(INDETERMINATE\): .* on a$/)
    },
  )
}

verdict('one below what was acknowledged is lost', () => {
  const found = judge(books(), [[['a', 9]], [['a', 9]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 1, 0])
  assert.match(sentence(found), /^FAILED {2}10 operations acknowledged, lost 1/)
})

verdict('one above everything that may have been is doubled', () => {
  const found = judge(books(), [[['a', 13]], [['a', 13]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 0, 1])
})

verdict('nodes that differ within the bounds fail', () => {
  const found = judge(books(), [[['a', 10]], [['a', 11]]])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, false])
})

verdict('a loss on one node is not made up for by another node or another counter', () => {
  const ledger = books()
  ledger.acknowledge(['b'])
  const found = judge(ledger, [
    [
      ['a', 9],
      ['b', 5],
    ],
    [['a', 14]],
  ])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 2, 6, false])
})

verdict('a counter that was never asked for, and one that no node knows, are found', () => {
  const found = judge(books(), [[['ghost', 3]]])
  assert.equal([found.passed, found.lost, found.doubled], [false, 10, 3])
})

verdict('a node that does not answer agrees with nobody', () => {
  const found = judge(books(), [[['a', 10]], undefined])
  assert.equal([found.passed, found.agree, found.lost], [false, false, 10])
})

verdict('a run in which nothing was acknowledged proves nothing', () => {
  const found = judge(new Ledger(), [[], []])
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, true])
  assert.match(sentence(found), /^FAILED {2}nothing was acknowledged/)
})

verdict('an error that a customer saw while a node drained fails', () => {
  const found = judge(books(), [[['a', 10]], [['a', 10]]], 2)
  assert.equal([found.passed, found.lost, found.doubled, found.agree], [false, 0, 0, true])
  assert.match(
    sentence(found),
    /^FAILED {2}10 operations acknowledged, lost 0, doubled 0, all nodes agree; customers saw 2 errors while a node drained$/,
  )
})

for (const kind of ['lost', 'doubled'] as const) {
  verdict(`a planted falsehood is found: ${kind}`, () => {
    const ledger = books()
    assert.is(ledger.plant(kind), 'a')
    // Whatever became of the two that are open.
    for (const counted of [10, 12]) {
      const found = judge(ledger, [[['a', counted]]])
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
