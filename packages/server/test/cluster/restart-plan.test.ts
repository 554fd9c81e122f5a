import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RestartPlan } from '../../src/cluster/restart-plan.js'

const test = suite('restart plan')
const limits = { restartsMax: 10, restartWindowMs: 60_000, steadyMs: 10_000 }

test('the first restart comes within 100 ms, each further quick end doubles the wait, up to 5 s', () => {
  const plan = new RestartPlan({ ...limits, restartsMax: 100 }, () => 1)
  const waits = Array.from({ length: 9 }, (_, i) => plan.ended(0, i))
  assert.equal(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
})

test('jitter takes up to a half away', () => {
  assert.is(new RestartPlan(limits, () => 0).ended(0, 0), 50)
  assert.is(new RestartPlan(limits, () => 0.5).ended(0, 0), 75)
})

test('a steady time resets the wait, and its end counts for nothing', () => {
  const plan = new RestartPlan(limits, () => 1)
  for (let i = 0; i < 5; i++) plan.ended(0, i)
  assert.is(plan.ended(10_000, 20_000), 100)
  assert.is(plan.quickEnds, 5)
  assert.is(plan.ended(9_999, 30_000), 200)
})

test('the tenth quick end within the window is the last; older ones are forgotten', () => {
  const plan = new RestartPlan(limits, () => 0)
  for (let i = 0; i < 9; i++) assert.ok(plan.ended(0, i * 1_000) !== undefined)
  assert.ok(plan.ended(0, 60_500) !== undefined)
  assert.is(plan.quickEnds, 9)
  assert.is(plan.ended(0, 60_600), undefined)
})

test.run()
