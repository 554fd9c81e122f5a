import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterPage, counterTotals, counterValue, counterValues, roomMembers } from '../src/answers.js'

const test = suite('answers')

test('counts are exact: numbers, or bigints where a number would not be', () => {
  const value = (given: unknown) => counterValue({ key: 'a', value: given })?.value
  assert.equal([0, -5, 2 ** 53 - 1, '7', '-7'].map(value), [0, -5, 2 ** 53 - 1, 7, -7])
  assert.is(value('9007199254740992'), 9007199254740992n)
  assert.is(value('-18014398509481982'), -18014398509481982n)
  for (const none of [1.5, 2 ** 53, '', '1e3', '0x1', ' 1', '1'.repeat(65), null, true, undefined, {}]) {
    assert.is(value(none), undefined, String(none))
  }
})

test('an answer of another form is none', () => {
  for (const json of [undefined, null, 7, 'x', [], {}, { key: 'a' }, { value: 1 }, { key: 7, value: 1 }]) {
    assert.is(counterValue(json), undefined)
    assert.is(counterTotals(json), undefined)
  }
  assert.is(counterTotals({ key: 'a', value: 1, increments: 1 }), undefined)
  const totals = { key: 'a', value: 1, increments: 3, decrements: 2 }
  assert.equal(counterTotals({ ...totals, more: 'later' }), totals)
})

test('as many values as were asked for', () => {
  const values = [{ key: 'a', value: 1 }]
  assert.equal(counterValues(1)(values), values)
  assert.is(counterValues(2)(values), undefined)
  assert.is(counterValues(1)([{}]), undefined)
  assert.is(counterValues(1)({}), undefined)
})

test('a page', () => {
  const counters = [{ key: 'a', value: 1, increments: 3, decrements: 2 }]
  assert.equal(counterPage({ counters, next: null }), { counters, next: null })
  assert.equal(counterPage({ counters, next: 'a' }), { counters, next: 'a' })
  for (const json of [{ counters }, { counters: [{}], next: null }, { next: null }, null]) {
    assert.is(counterPage(json), undefined)
  }
})

test('members', () => {
  const a = { name: 'a', store: 's', replica: '9f', url: 'ws://a', state: 'up', lag: 0, phi: 0, self: true }
  const b = { name: 'b', store: 't', state: 'down', lag: 3, phi: null }
  assert.equal(roomMembers({ room: 'r', node: 'a', members: [a, b] }), {
    room: 'r',
    node: 'a',
    members: [a, { ...b, replica: null, url: null, self: false }],
  })
  for (const json of [
    null,
    { room: 'r', members: [] },
    { room: 'r', node: 'a' },
    { room: 'r', node: 'a', members: [{}] },
  ]) {
    assert.is(roomMembers(json), undefined)
  }
  assert.is(roomMembers({ room: 'r', node: 'a', members: [{ ...a, lag: 'x' }] }), undefined)
  const operations = { open: 2, oldestMs: 1.5, admitted: true, waitsFor: ['b'] }
  assert.equal(roomMembers({ room: 'r', node: 'a', members: [a], operations })?.operations, operations)
  for (const told of [null, {}, { ...operations, open: '2' }, { ...operations, waitsFor: [1] }]) {
    assert.equal(roomMembers({ room: 'r', node: 'a', members: [a], operations: told }), {
      ...{ room: 'r', node: 'a', members: [a] },
    })
  }
  const retired = [{ replica: '9f', state: 'retired' }]
  const folding = { retired, count: 1, folded: 2, waitsFor: ['b'], refused: 3, missed: 4 }
  assert.equal(roomMembers({ room: 'r', node: 'a', members: [a], folding })?.folding, folding)
  for (const told of [
    null,
    { ...folding, retired: ['9f'] },
    ...['count', 'folded', 'refused', 'missed', 'waitsFor'].map(field => ({ ...folding, [field]: '1' })),
  ]) {
    assert.is(roomMembers({ room: 'r', node: 'a', members: [a], folding: told })?.folding, undefined)
  }
})

test.run()
