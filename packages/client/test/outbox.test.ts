import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseKept } from '../src/outbox.js'
import { operationOf } from './memory-outbox.js'

const test = suite('outbox')

test('what was kept is read as it was', () => {
  for (const kept of [operationOf('a{b="c"}', -5), { ...operationOf('é'), replicas: 'majority' as const }]) {
    const { replicas, ...rest } = parseKept(JSON.parse(JSON.stringify(kept)))
    assert.equal({ ...rest, ...(replicas ? { replicas } : {}) }, kept)
  }
})

test('what is none is refused', () => {
  const good = operationOf('a')
  const bad = [null, 5, {}, { ...good, id: 'x' }, { ...good, id: undefined }, { ...good, additions: [] }]
  const more = [
    { ...good, additions: [{ key: 'a', add: 0.5 }] },
    { ...good, replicas: 0 },
    { ...good, madeAtMs: '1' },
  ]
  for (const json of [...bad, ...more]) assert.throws(() => parseKept(json), undefined, JSON.stringify(json))
})

test.run()
