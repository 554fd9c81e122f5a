import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureDetector } from '../src/index.js'

const test = suite('failure detector')

/** A detector that heard heartbeats at these times. */
function heard(...timesMs: number[]): FailureDetector {
  const detector = new FailureDetector(1000, 0)
  for (const timeMs of timesMs) detector.heartbeat(timeMs)
  return detector
}

const regular = Array.from({ length: 200 }, (_, i) => i * 1000)

test('suspicion grows with silence, without bound', () => {
  const detector = heard(...regular)
  const phis = [0, 1000, 1500, 2000, 2500, 3000, 10_000, 1e7].map(silenceMs => detector.phi(199_000 + silenceMs))
  assert.equal(
    phis,
    phis.toSorted((a, b) => a - b),
  )
  assert.ok((phis[1] as number) < 1)
  assert.ok((phis[3] as number) < 5, 'one lost heartbeat is no reason to suspect')
  assert.ok((phis[5] as number) > 10, 'two are')
  assert.is(phis.at(-1), Number.MAX_VALUE)
})

test('a peer that was always irregular is suspected later', () => {
  const irregular = regular.map((timeMs, i) => timeMs + (i % 2) * 800)
  assert.ok(heard(...irregular).phi(202_500) < heard(...regular).phi(201_700))
})

test('it forgets what is long past', () => {
  const slowThenFast = [...Array.from({ length: 50 }, (_, i) => i * 5000), ...regular.map(timeMs => 300_000 + timeMs)]
  assert.ok(heard(...slowThenFast).phi(499_000 + 3000) > 10)
})

test('a gap that is explained is no heartbeat interval', () => {
  const detector = heard(...regular)
  const before = detector.phi(201_000)
  detector.resume(900_000)
  assert.ok(detector.phi(900_500) < 1)
  detector.heartbeat(900_002)
  assert.is(detector.phi(902_002), before)
})

test('many reconnections make nobody suspicious of a regular peer', () => {
  const detector = heard(...regular)
  for (let i = 0; i < 150; i++) {
    detector.resume(300_000 + i * 100)
    detector.heartbeat(300_001 + i * 100)
  }
  assert.ok(detector.phi(300_001 + 149 * 100 + 1100) < 5)
})

test.run()
