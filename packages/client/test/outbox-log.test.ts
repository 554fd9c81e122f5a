import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LeftBehind } from '../src/outbox.js'
import { OutboxLog } from '../src/outbox-log.js'
import { encodeChange, HEADER } from '../src/outbox-record.js'
import { failsWith, failure } from './failing.js'
import { operationOf } from './memory-outbox.js'
import { inDirectory } from './temporary.js'

const test = suite('outbox-log')
const fileOf = (dir: string): string => join(dir, 'operations.log')
const keysOf = ({ operations }: LeftBehind): string[] => operations.map(({ additions }) => additions[0]?.key ?? '')

/** Opens the log, does something, closes it; answers what was left before. */
async function using(dir: string, act: (log: OutboxLog) => Promise<void> = async () => {}): Promise<LeftBehind> {
  const { log, left } = await OutboxLog.open(dir)
  await act(log)
  await log.close()
  return left
}

const [a, b, c] = ['a', 'b', 'c'].map(key => operationOf(key)) as [
  ReturnType<typeof operationOf>,
  ReturnType<typeof operationOf>,
  ReturnType<typeof operationOf>,
]

test(
  'keeps what is not dropped, and cuts itself back once nothing is kept',
  inDirectory(async dir => {
    await using(dir, async log => {
      await Promise.all([log.commit({ keep: [a], drop: [] }), log.commit({ keep: [b], drop: [] })])
      await log.commit({ keep: [c], drop: [a.id] })
    })
    const left = await using(dir, log => log.commit({ keep: [], drop: [b.id] }))
    assert.equal([keysOf(left), left.damage], [['b', 'c'], []])
    assert.equal(left.operations, [b, c])
    assert.equal(keysOf(await using(dir, log => log.commit({ keep: [], drop: [c.id] }))), ['c'])
    assert.is(readFileSync(fileOf(dir), 'utf8'), HEADER)
    assert.equal(readdirSync(dir), ['operations.log'])
  }),
)

test(
  'a torn end is cut off, and what comes after is whole',
  inDirectory(async dir => {
    await using(dir, log => log.commit({ keep: [a], drop: [] }))
    appendFileSync(fileOf(dir), encodeChange({ keep: [b], drop: [] }).slice(0, -1))
    const left = await using(dir, log => log.commit({ keep: [c], drop: [] }))
    assert.equal([keysOf(left), left.damage], [['a'], []])
    assert.equal(await using(dir), { operations: [a, c], damage: [] })
  }),
)

test(
  'damage is told once, costs nothing else, and can be looked at afterwards',
  inDirectory(async dir => {
    await using(dir, log => log.commit({ keep: [a], drop: [] }))
    appendFileSync(fileOf(dir), `garbage\n${encodeChange({ keep: [b], drop: [] })}`)
    const before = readFileSync(fileOf(dir))
    const left = await using(dir, log => log.commit({ keep: [c], drop: [] }))
    assert.equal(keysOf(left), ['a', 'b'])
    const [told = '', ...more] = left.damage
    assert.match(told, /^line 3 of .*operations\.log cannot be read: .*; (.*) is the file as it was$/)
    assert.is(more.length, 0)
    assert.equal(readFileSync(told.replace(/^.*; (.*) is the file as it was$/, '$1')), before)
    assert.equal(await using(dir), { operations: [a, b, c], damage: [] })
    for (const text of ['', 'nothing of ours']) {
      writeFileSync(fileOf(dir), text)
      const { operations, damage } = await using(dir)
      assert.equal([operations.length, damage.length], [0, 1])
    }
  }),
)

test(
  'one damaged line does not bring back what others took the place of',
  inDirectory(async dir => {
    const parts = { keep: [b, c], drop: [a.id] }
    await using(dir, async log => {
      await log.commit({ keep: [a], drop: [] })
      await log.commit(parts)
    })
    const whole = readFileSync(fileOf(dir), 'utf8')
    const line = encodeChange(parts)
    for (const at of [whole.indexOf(line), whole.lastIndexOf(line)]) {
      writeFileSync(fileOf(dir), `${whole.slice(0, at)}x${whole.slice(at + 1)}`)
      const left = await using(dir)
      assert.equal([keysOf(left), left.damage.length], [['b', 'c'], 1])
    }
  }),
)

test(
  'a later format is left alone',
  inDirectory(async dir => {
    writeFileSync(fileOf(dir), 'tallymesh-outbox 2\nwhatever\n')
    assert.match((await failsWith(OutboxLog.open(dir), 'OUTBOX_UNSUPPORTED')).message, /operations\.log has format 2/)
    assert.is(readFileSync(fileOf(dir), 'utf8'), 'tallymesh-outbox 2\nwhatever\n')
  }),
)

test(
  'it does not grow with what was dropped',
  inDirectory(async dir => {
    await using(dir, async log => {
      await log.commit({ keep: [a], drop: [] })
      const many = Array.from({ length: 1_000 }, (_, i) => operationOf(`${'x'.repeat(250)}${i}`))
      let largest = 0
      for (let round = 0; round < 12; round++) {
        await log.commit({ keep: many, drop: [] })
        await log.commit({ keep: [], drop: many.map(({ id }) => id) })
        largest = Math.max(largest, statSync(fileOf(dir)).size)
      }
      assert.ok(largest < 2_500_000, `${largest} bytes`)
      await log.commit({ keep: [b], drop: [] })
    })
    assert.equal(await using(dir), { operations: [a, b], damage: [] })
    assert.equal(readdirSync(dir), ['operations.log'])
  }),
)

test(
  'commits that come at any moment are all written',
  inDirectory(async dir => {
    const kept = Array.from({ length: 200 }, (_, i) => operationOf(`k${i}`))
    await using(dir, async log => {
      let last: Promise<void> = Promise.resolve()
      await Promise.all(
        kept.map(async (operation, i) => {
          if (i % 3 === 0) await last
          for (let turns = 0; turns < i % 7; turns++) await Promise.resolve()
          last = log.commit({ keep: [operation], drop: [] })
          await last
        }),
      )
    })
    assert.is((await using(dir)).operations.length, kept.length)
  }),
)

test(
  'once the file cannot be written or cut, nothing is kept any longer, and that is told',
  inDirectory(async dir => {
    const { log } = await OutboxLog.open(dir)
    await log.close()
    const first = await failure(log.commit({ keep: [a], drop: [] }))
    assert.equal([first.code, first.counted], ['OUTBOX_FAILED', 'perhaps'])
    const second = await failure(log.commit({ keep: [a], drop: [] }))
    assert.equal([second.code, second.counted], ['OUTBOX_FAILED', false])
    await log.commit({ keep: [], drop: [a.id], lazy: true })
    assert.is((await failure(log.commit({ keep: [], drop: [a.id] }))).counted, false)
  }),
)

test.run()
