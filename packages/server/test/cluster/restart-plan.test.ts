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

test('wrong settings and an unusable directory are final at the first start', () => {
  const plan = () => new RestartPlan(limits, () => 0)
  assert.is(plan().futile(2, false), 'its settings are refused (exit code 2)')
  assert.is(plan().futile(6, false), 'its data directory cannot be used (exit code 6)')
  for (const exit of [0, 1, 4, undefined]) assert.is(plan().futile(exit, false), undefined)
})

test('they are borne five times in a row where a process had run before', () => {
  for (const [exit, wasReady] of [
    [undefined, false],
    [6, true],
  ] as const) {
    const plan = new RestartPlan(limits, () => 0)
    for (let round = 0; round < 2; round++) {
      assert.is(plan.futile(exit, wasReady), undefined)
      for (let i = 0; i < 5; i++) assert.is(plan.futile(6, false), undefined)
    }
    assert.match(plan.futile(6, false) ?? '', /exit code 6/)
  }
})

test.run()
