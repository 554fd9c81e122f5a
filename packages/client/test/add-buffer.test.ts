import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AddBuffer, type Form } from '../src/add-buffer.js'
import type { Addition, Replicas } from '../src/addition.js'
import type { CounterValue } from '../src/answers.js'
import { TallymeshClientError } from '../src/index.js'
import { failsWith, failure } from './failing.js'
import { until } from './until.js'

const test = suite('add-buffer')
const MAX = Number.MAX_SAFE_INTEGER

interface Sent {
  readonly entries: readonly Addition[]
  readonly replicas: Replicas | undefined
  answer(): void
  fail(error: unknown): void
}

type Send = (entries: readonly Addition[], replicas: Replicas | undefined) => Promise<readonly CounterValue[]>

/** Deliveries of which nothing is kept. */
function sending(send: Send): Form {
  return function form(entries, replicas) {
    const divide = (parts: ReadonlyArray<readonly Addition[]>) => parts.map(part => form(part, replicas))
    return { entries, send: () => send(entries, replicas), divide, fail: async (error: unknown) => error }
  }
}

/** A server that answers when it is told to. */
function manual(maxDelayMs = 60_000, maxKeys = 1_000): { buffer: AddBuffer; sent: Sent[]; next: () => Promise<Sent> } {
  const sent: Sent[] = []
  const waiting: Array<(sent: Sent) => void> = []
  let taken = 0
  const form = sending(
    (entries, replicas) =>
      new Promise((resolve, reject) => {
        const answer = () => resolve(entries.map(({ key }) => ({ key, value: 7 })))
        const one = { entries, replicas, answer, fail: reject }
        sent.push(one)
        waiting.shift()?.(one)
      }),
  )
  const buffer = new AddBuffer(form, { maxDelayMs, maxKeys })
  const next = (): Promise<Sent> => {
    const there = sent[taken++]
    return there ? Promise.resolve(there) : new Promise(resolve => waiting.push(resolve))
  }
  return { buffer, sent, next }
}

test('adds gather for the delay and go together', async () => {
  const { buffer, sent, next } = manual(5)
  const adds = [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['a', -1],
  ] as const
  const settled = Promise.all(adds.map(([key, add]) => buffer.add({ key, add }, undefined)))
  assert.is(sent.length, 0)
  const batch = await next()
  assert.equal(batch.entries, [
    { key: 'a', add: 4 },
    { key: 'a', add: -1 },
    { key: 'b', add: 2 },
  ])
  batch.answer()
  assert.equal(
    (await settled).map(({ key, value }) => `${key} ${value}`),
    ['a 7', 'b 7', 'a 7', 'a 7'],
  )
})

test('a full batch goes at once; one is under way at a time, and the next gathers meanwhile', async () => {
  const { buffer, sent, next } = manual(60_000, 2)
  for (const key of ['a', 'b', 'c', 'd', 'c']) void buffer.add({ key, add: 1 }, undefined)
  const first = await next()
  assert.equal(
    first.entries.map(({ key }) => key),
    ['a', 'b'],
  )
  assert.is(sent.length, 1)
  first.answer()
  assert.equal((await next()).entries, [
    { key: 'c', add: 2 },
    { key: 'd', add: 1 },
  ])
  void buffer.add({ key: 'c', add: 1 }, undefined)
  sent[1]?.answer()
  const flushed = buffer.flush()
  const third = await next()
  assert.equal(third.entries, [{ key: 'c', add: 1 }])
  third.answer()
  await flushed
})

test('a full batch that waits takes more of its keys, and no longer once it is sent', async () => {
  const { buffer, next } = manual(60_000, 2)
  for (const key of ['a', 'b', 'c', 'd']) void buffer.add({ key, add: 1 }, undefined)
  const first = await next()
  const controller = new AbortController()
  const gone = buffer.add({ key: 'd', add: 4 }, undefined, controller.signal)
  for (const add of [-1, 2, MAX - 3, 7]) void buffer.add({ key: 'c', add }, undefined)
  void buffer.add({ key: 'c', add: 16 }, 2)
  controller.abort()
  assert.is((await failsWith(gone, 'ABORTED')).counted, false)
  first.answer()
  const second = await next()
  assert.equal(second.entries, [
    { key: 'c', add: MAX },
    { key: 'c', add: -1 },
    { key: 'd', add: 1 },
  ])
  for (const key of ['c', 'd']) void buffer.add({ key, add: 1 }, undefined)
  second.answer()
  const flushed = buffer.flush()
  const rest: unknown[] = []
  for (let i = 0; i < 2; i++) {
    const { entries, replicas, answer } = await next()
    rest.push([replicas, entries.map(({ key, add }) => `${key} ${add}`)])
    answer()
  }
  await flushed
  assert.equal(rest, [
    [undefined, ['c 8', 'd 1']],
    [2, ['c 16']],
  ])
})

test('sums that would be no exact numbers begin another batch', async () => {
  const { buffer, sent, next } = manual()
  for (const add of [MAX, -MAX, 1, -1]) void buffer.add({ key: 'a', add }, undefined)
  const flushed = buffer.flush()
  ;(await next()).answer()
  ;(await next()).answer()
  await flushed
  assert.equal(
    sent.map(({ entries }) => entries.map(({ add }) => add)),
    [
      [MAX, -MAX],
      [1, -1],
    ],
  )
})

test('adds of different write concerns do not mix', async () => {
  const { buffer, sent, next } = manual()
  for (const replicas of [2, undefined, 'majority', 2] as const) void buffer.add({ key: 'a', add: 1 }, replicas)
  const flushed = buffer.flush()
  for (let i = 0; i < 3; i++) (await next()).answer()
  await flushed
  assert.equal(
    sent.map(({ entries, replicas }) => [replicas, entries[0]?.add]),
    [
      [2, 2],
      [undefined, 1],
      ['majority', 1],
    ],
  )
})

test('a failed batch fails its adds, and those that nobody waited for in the next flush, once', async () => {
  const { buffer, next } = manual()
  const error = new TallymeshClientError('INDETERMINATE', 'who knows', { counted: 'perhaps' })
  void buffer.add({ key: 'a', add: 1 }, undefined)
  const add = buffer.add({ key: 'b', add: 1 }, undefined)
  const flushed = buffer.flush()
  ;(await next()).fail(error)
  assert.is(await failure(add), error)
  assert.is(await failure(flushed), error)
  await buffer.flush()
})

test('one key that is refused does not keep the others from being counted', async () => {
  const sent: string[] = []
  const form = sending(async entries => {
    sent.push(entries.map(({ key, add }) => `${key}${add}`).join(' '))
    if (entries.some(({ key }) => key === 'full')) throw new TallymeshClientError('COUNTER_OVERFLOW', 'it is full')
    return entries.map(({ key }) => ({ key, value: 7 }))
  })
  const buffer = new AddBuffer(form, { maxDelayMs: 60_000, maxKeys: 1_000 })
  const adds = ['a', 'b', 'full', 'c', 'd'].map(key =>
    buffer.add({ key, add: 1 }, undefined).then(
      () => key,
      (error: TallymeshClientError) => `${key} ${error.code}`,
    ),
  )
  void buffer.add({ key: 'full', add: -1 }, undefined)
  await failsWith(buffer.flush(), 'COUNTER_OVERFLOW')
  assert.equal(await Promise.all(adds), ['a', 'b', 'full COUNTER_OVERFLOW', 'c', 'd'])
  const halves = ['a1 b1 full1 full-1 c1 d1', 'a1 b1 full1 full-1', 'a1 b1', 'full1 full-1', 'c1 d1']
  assert.equal(sent, halves)
})

test('what may have been counted is never divided', async () => {
  const { buffer, sent, next } = manual()
  for (const key of ['a', 'b']) void buffer.add({ key, add: 1 }, undefined)
  const flushed = buffer.flush()
  ;(await next()).fail(new TallymeshClientError('BODY_TOO_LARGE', 'so it seems', { counted: 'perhaps' }))
  await failsWith(flushed, 'BODY_TOO_LARGE')
  assert.is(sent.length, 1)
})

test('in any mix of adds and refusals all is sent that was added, and each key is settled as it was sent', async () => {
  const add = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    add: fc.integer({ min: -9, max: 9 }).filter(n => n !== 0),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(add, { maxLength: 30 }),
      fc.subarray(['a', 'b', 'c', 'd', 'e']),
      fc.integer({ min: 1, max: 5 }),
      async (adds, full, keysMax) => {
        const counted = new Map<string, number>()
        const count = ({ key, add }: Addition) =>
          counted.set(`${key}${Math.sign(add)}`, (counted.get(`${key}${Math.sign(add)}`) ?? 0) + add)
        const form = sending(async entries => {
          if (entries.some(({ key }) => full.includes(key))) throw new TallymeshClientError('COUNTER_OVERFLOW', 'full')
          entries.forEach(count)
          return entries.map(({ key }) => ({ key, value: 0 }))
        })
        const buffer = new AddBuffer(form, { maxDelayMs: 60_000, maxKeys: keysMax })
        const outcomes = adds.map(each =>
          buffer.add(each, undefined).then(
            () => true,
            () => false,
          ),
        )
        await buffer.flush().catch(() => {})
        assert.equal(
          await Promise.all(outcomes),
          adds.map(({ key }) => !full.includes(key)),
        )
        const sums = new Map(counted)
        counted.clear()
        adds.filter(({ key }) => !full.includes(key)).forEach(count)
        assert.equal([...sums].sort(), [...counted].sort())
      },
    ),
  )
})

test('no more keys wait than may; those that wait already take more', async () => {
  const { buffer, sent } = manual()
  const one = { key: 'one', add: 1 }
  void buffer.add(one, 2)
  for (let i = 0; i < 100_999; i++) void buffer.add({ key: `k${i}`, add: 1 }, undefined)
  void buffer.add({ key: 'nobody waits for this', add: 1 }, undefined)
  const error = await failsWith(buffer.add({ key: 'more', add: 1 }, undefined), 'BUFFER_FULL')
  assert.is(error.counted, false)
  void buffer.add(one, 2)
  const flushed = failsWith(buffer.flush(), 'BUFFER_FULL')
  for (let i = 0; i < 102; i++) {
    sent[i]?.answer()
    await new Promise(resolve => setImmediate(resolve))
  }
  await flushed
  assert.is(sent.flatMap(({ entries }) => entries).length, 101_000)
  assert.equal(
    sent.filter(({ replicas }) => replicas === 2).map(({ entries }) => entries),
    [[{ key: 'one', add: 2 }]],
  )
})

test('a signal takes an add back out while it waits', async () => {
  const { buffer, sent, next } = manual()
  const stop = new AbortController()
  const withdrawn = buffer.add({ key: 'a', add: 5 }, undefined, stop.signal)
  const kept = buffer.add({ key: 'a', add: 2 }, undefined, new AbortController().signal)
  stop.abort(new Error('enough'))
  assert.is((await failsWith(withdrawn, 'ABORTED')).counted, false)
  await failsWith(buffer.add({ key: 'a', add: 2 }, undefined, stop.signal), 'ABORTED')
  const flushed = buffer.flush()
  ;(await next()).answer()
  await flushed
  assert.equal(await kept, { key: 'a', value: 7 })
  assert.equal(
    sent.map(({ entries }) => entries),
    [[{ key: 'a', add: 2 }]],
  )
})

test('a signal that aborts while the batch is under way: perhaps', async () => {
  const { buffer, next } = manual()
  const stop = new AbortController()
  const add = buffer.add({ key: 'a', add: 5 }, undefined, stop.signal)
  const other = buffer.add({ key: 'a', add: 2 }, undefined)
  const flushed = buffer.flush()
  const batch = await next()
  stop.abort()
  assert.is((await failsWith(add, 'INDETERMINATE')).counted, 'perhaps')
  batch.answer()
  assert.equal(await other, { key: 'a', value: 7 })
  await flushed
})

test('early: batches are formed when they are due, also while another is under way, and take nothing back', async () => {
  const formed: string[] = []
  const waiting: Array<() => void> = []
  const form: Form = entries => {
    formed.push(entries.map(({ key, add }) => `${key}${add}`).join(' '))
    const answered = new Promise<void>(resolve => waiting.push(resolve))
    const send = () => answered.then(() => entries.map(({ key }) => ({ key, value: 7 })))
    return { entries, send, divide: () => [], fail: async (error: unknown) => error }
  }
  const buffer = new AddBuffer(form, { maxDelayMs: 5, maxKeys: 1_000, early: true })
  const stop = new AbortController()
  const first = buffer.add({ key: 'a', add: 1 }, undefined)
  await until(() => formed.length === 1)
  const second = buffer.add({ key: 'a', add: 2 }, undefined, stop.signal)
  await until(() => formed.length === 2)
  stop.abort()
  assert.is((await failsWith(second, 'INDETERMINATE')).counted, 'perhaps')
  void buffer.add({ key: 'b', add: 3 }, undefined)
  buffer.seal()
  assert.equal(formed, ['a1', 'a2', 'b3'])
  for (const answer of waiting) answer()
  await first
  await buffer.flush()
})

test('a batch from which all was withdrawn is not sent', async () => {
  const { buffer, sent } = manual()
  const stop = new AbortController()
  void buffer.add({ key: 'a', add: 5 }, undefined, stop.signal)
  stop.abort()
  await buffer.flush()
  assert.is(sent.length, 0)
})

test.run()
