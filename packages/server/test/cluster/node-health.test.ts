import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NodeHealth } from '../../src/cluster/node-health.js'
import { NO_VERDICTS } from '../../src/cluster/peer-verdicts.js'

const test = suite('node health')
const limits = { hangMs: 1_400, hangAloneMs: 5_000, answerMaxMs: 30_000 }

/** A node that was ready and answered last at 0, with so many silent probes since. */
function silent(timeouts: number): NodeHealth {
  const health = new NodeHealth(limits, -1_000)
  health.settle()
  health.note('answer', 0)
  for (let i = 0; i < timeouts; i++) health.note('silence', 700 * (i + 1))
  return health
}

test('two silent probes and most of the peers make a hang', () => {
  assert.is(silent(2).finding({ against: 1, asked: 2 }, 1_400), 'no answer for 1.4 s, and 1 of 2 peers miss it too')
  assert.is(silent(2).finding({ against: 1, asked: 1 }, 1_400), 'no answer for 1.4 s, and its only peer misses it too')
  assert.is(silent(2).finding({ against: 1, asked: 3 }, 1_400), undefined)
  assert.is(silent(1).finding({ against: 2, asked: 2 }, 1_400), undefined)
  assert.is(silent(2).finding({ against: 2, asked: 2 }, 1_399), undefined)
})

test('without peers it takes longer; against them, longest', () => {
  assert.is(silent(3).finding(NO_VERDICTS, 4_999), undefined)
  assert.is(silent(3).finding(NO_VERDICTS, 5_000), 'no answer for 5.0 s, and no peer to ask')
  assert.is(silent(3).finding({ against: 0, asked: 2 }, 29_999), undefined)
  assert.is(silent(3).finding({ against: 0, asked: 2 }, 30_000), 'no answer for 30.0 s')
})

test('an answer clears the suspicion', () => {
  const health = silent(2)
  assert.ok(health.suspicious(1_500))
  health.note('answer', 1_500)
  assert.not.ok(health.suspicious(2_900))
})

test('before it was ever ready, a node may be busy opening', () => {
  const health = new NodeHealth(limits, 0)
  for (let i = 0; i < 20; i++) health.note('silence', i * 1_000)
  assert.is(health.finding({ against: 2, asked: 2 }, 29_000), undefined)
  assert.is(health.finding(NO_VERDICTS, 29_000), undefined)
  assert.is(health.finding(NO_VERDICTS, 30_000), 'no answer for 30.0 s, and no peer to ask')
})

test('a port that is closed is no quick hang, and no life for ever', () => {
  const health = silent(0)
  for (let i = 0; i < 100; i++) health.note('broken', i * 200)
  assert.not.ok(health.suspicious(20_000))
  assert.ok(health.suspicious(30_000))
})

test.run()
