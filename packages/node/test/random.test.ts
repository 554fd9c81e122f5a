import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cryptoRandom } from '../src/random.js'

const random = suite('random')

random('is in [0, 1), in steps of 2^-53, and spread evenly', () => {
  const tenths = new Array<number>(10).fill(0)
  const seen = new Set<number>()
  for (let i = 0; i < 10_000; i++) {
    const value = cryptoRandom()
    assert.ok(value >= 0 && value < 1)
    assert.ok(Number.isInteger(value * 2 ** 53))
    const tenth = Math.floor(value * 10)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
    seen.add(value)
  }
  assert.ok(seen.size > 9_990)
  for (const count of tenths) assert.ok(count > 800 && count < 1_200, `a tenth got ${count} of 10,000`)
})

random.run()
