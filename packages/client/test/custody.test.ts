import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Custody } from '../src/custody.js'
import { TallymeshClientError } from '../src/index.js'
import { failsWith } from './failing.js'
import { MemoryOutbox, operationOf } from './memory-outbox.js'

const test = suite('custody')

test('keeps until the last call with an id is settled', async () => {
  const outbox = new MemoryOutbox([operationOf('left')])
  const custody = new Custody(outbox)
  const { operations } = await custody.left
  const operation = operationOf('a')
  await Promise.all([custody.keep([operation]), custody.keep([operation])])
  const [left] = operations
  await custody.keep([left as typeof operation])
  assert.equal(outbox.shown, ['left1', 'a1'])
  await Promise.all([custody.drop(operation.id), custody.drop(left?.id as string)])
  assert.equal(outbox.shown, ['left1', 'a1'])
  await Promise.all([custody.drop(operation.id), custody.drop(left?.id as string)])
  assert.equal(outbox.shown, [])
  const changes = outbox.changes.length
  await custody.drop(operation.id)
  assert.is(outbox.changes.length, changes)
  await custody.close()
  assert.ok(outbox.closed)
})

test('one id has one meaning', async () => {
  const custody = new Custody(new MemoryOutbox())
  const { id, madeAtMs } = operationOf('a')
  const additions = [
    { key: 'a', add: 3 },
    { key: 'b', add: -2 },
  ]
  await custody.keep([{ id, madeAtMs, additions }])
  const same = [
    { key: 'b', add: -2 },
    { key: 'a', add: 1 },
    { key: 'a', add: 2 },
  ]
  await custody.keep([{ id, madeAtMs, additions: same }])
  for (const other of [
    additions.slice(1),
    [
      { key: 'a', add: 3 },
      { key: 'b', add: 2 },
    ],
  ]) {
    const error = await failsWith(custody.keep([{ id, madeAtMs, additions: other }]), 'OPERATION_MISMATCH')
    assert.is(error.counted, false)
  }
})

test('an operation takes the place of another in one step', async () => {
  const outbox = new MemoryOutbox()
  const custody = new Custody(outbox)
  const whole = operationOf('whole')
  await custody.keep([whole])
  const halves = [operationOf('half'), operationOf('other')]
  await custody.keep(halves, whole.id)
  assert.equal(outbox.changes.at(-1), { keep: halves, drop: [whole.id] })
  assert.equal(outbox.shown, ['half1', 'other1'])
})

test('an outbox that cannot be opened or written is told; what is dropped then is no harm', async () => {
  const outbox = new MemoryOutbox()
  outbox.failing = new TallymeshClientError('OUTBOX_LOCKED', 'taken')
  const locked = new Custody(outbox)
  await failsWith(locked.left, 'OUTBOX_LOCKED')
  await failsWith(locked.keep([operationOf('a')]), 'OUTBOX_LOCKED')
  await locked.close()
  outbox.failing = new Error('EIO')
  const unopened = await failsWith(new Custody(outbox).keep([operationOf('a')]), 'OUTBOX_FAILED')
  assert.equal([unopened.counted, unopened.message], [false, 'the outbox cannot be opened: EIO'])
  outbox.failing = undefined
  const custody = new Custody(outbox)
  const kept = operationOf('a')
  await custody.keep([kept])
  outbox.failing = new Error('EIO')
  const idle = custody.keep([operationOf('b')])
  await failsWith(custody.idle(), 'OUTBOX_FAILED')
  await custody.idle()
  // Of an outbox of the program's own nobody knows what it kept.
  assert.is((await failsWith(idle, 'OUTBOX_FAILED')).counted, 'perhaps')
  outbox.failing = new TallymeshClientError('OUTBOX_FAILED', 'full')
  assert.is((await failsWith(custody.keep([operationOf('c')]), 'OUTBOX_FAILED')).counted, false)
  await custody.drop(kept.id)
})

test('no more operations wait than may', async () => {
  const custody = new Custody(new MemoryOutbox(Array.from({ length: 100_000 }, (_, i) => operationOf(`k${i}`))))
  assert.is((await failsWith(custody.keep([operationOf('a')]), 'BUFFER_FULL')).counted, false)
})

test.run()
