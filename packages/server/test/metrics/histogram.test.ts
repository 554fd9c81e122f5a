import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Histogram } from '../../src/metrics/histogram.js'

const test = suite('a histogram')

test('counts observations up to each bound, and all of them', () => {
  const histogram = new Histogram([1, 10])
  for (const value of [0.5, 1, 2, 10, 11, 1_000]) histogram.observe(value)
  assert.equal(histogram.samples('size', { kind: 'x' }), [
    { metricName: 'size_bucket', labels: { kind: 'x', le: 1 }, value: 2 },
    { metricName: 'size_bucket', labels: { kind: 'x', le: 10 }, value: 4 },
    { metricName: 'size_bucket', labels: { kind: 'x', le: '+Inf' }, value: 6 },
    { metricName: 'size_sum', labels: { kind: 'x' }, value: 1_024.5 },
    { metricName: 'size_count', labels: { kind: 'x' }, value: 6 },
  ])
})

test.run()
