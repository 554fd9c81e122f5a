import { operationId, operationTimeMs } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newOperationId } from '../src/index.js'

const ids = suite('new operation ids')

ids('are UUIDs of version 7 that carry the time, and differ', () => {
  const before = Date.now()
  const made = Array.from({ length: 5_000 }, newOperationId)
  assert.is(new Set(made).size, made.length)
  for (const id of made) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const timeMs = operationTimeMs(operationId(id)) ?? 0
    assert.ok(timeMs >= before && timeMs <= Date.now())
  }
})

ids.run()
