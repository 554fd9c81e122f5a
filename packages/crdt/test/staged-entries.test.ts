import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterKey, type Entry, hashCounts, LogWriter, operationId, ReplicaLog, Table } from '../src/index.js'
import { LOG, Reader } from './log-samples.js'

const test = suite('staged-entries')
const COUNTS = [{ key: counterKey('k'), p: 1, n: 0 }]
const idOf = (number: number) => operationId(number.toString(16).padStart(32, '0'))

/** A log that carries operations, settles and drops them. */
class Carrier {
  readonly log = new ReplicaLog(LOG, new Table())
  readonly writer = new LogWriter(this.log)
  readonly updates: Uint8Array[] = []
  readonly open = new Set<number>()
  readonly settled = new Set<number>()
  #next = 0

  commit(...entries: Entry[]): void {
    this.updates.push(this.writer.append(entries).bytes)
  }

  carry(): void {
    this.open.add(this.#next)
    this.commit({ kind: 'operation', id: idOf(this.#next++), counts: COUNTS })
  }

  settle(): void {
    const operations = [...this.open].map(number => ({ id: idOf(number), ...hashCounts(COUNTS) }))
    if (operations.length === 0) return
    const { clock } = this.log
    this.open.clear()
    this.settled.add(clock)
    this.commit(
      { kind: 'absorbed', key: COUNTS[0]?.key ?? counterKey('k'), p: clock, n: 0 },
      { kind: 'settlement', number: clock, operations },
    )
  }

  drop(): void {
    for (const number of this.open) this.commit({ kind: 'drop', of: { operation: idOf(number) } })
    for (const settlement of this.settled) this.commit({ kind: 'drop', of: { settlement } })
    this.open.clear()
    this.settled.clear()
  }
}

test('what is dropped is live no longer, moves nowhere, and a reader agrees all the time', () => {
  const carrier = new Carrier()
  const reader = new Reader()
  for (let round = 0; round < 300; round++) {
    carrier.carry()
    if (round % 3 === 0) carrier.settle()
    if (round % 50 === 49) carrier.drop()
    for (const bytes of carrier.updates.splice(0)) {
      assert.is(reader.take(bytes).verdict, 'new')
    }
    assert.ok(reader.log.digest.equals(carrier.log.digest))
  }
  carrier.drop()
  assert.is(carrier.log.live.size, 1)
  assert.ok(carrier.log.clock - carrier.log.head < 80, `${carrier.log.clock - carrier.log.head} elements`)
  for (const bytes of carrier.updates.splice(0)) reader.take(bytes)
  assert.is(reader.reloaded().log.live.size, 1)
  assert.is(reader.trimmed().log.live.size, 1)
})

test('who missed drops that are cleaned away ends with the same, and is told what was dropped', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('carry', 'settle', 'drop', 'read' as const), { minLength: 40, maxLength: 400 }),
      acts => {
        const carrier = new Carrier()
        const reader = new Reader()
        const alive = new Set<string>()
        const catchUp = () => {
          for (;;) {
            const { bytes, last } = carrier.log.diff(reader.log.clock, 300)
            const verdict = reader.log.check(bytes)
            if (verdict.verdict !== 'new') return
            reader.log.apply(verdict, entry => follow(alive, entry))
            if (last) return
          }
        }
        for (const act of acts) {
          if (act === 'read') catchUp()
          else carrier[act]()
        }
        carrier.carry()
        catchUp()
        assert.is(reader.log.clock, carrier.log.clock)
        assert.ok(reader.log.digest.equals(carrier.log.digest))
        const expected = [...carrier.open].map(idOf).concat([...carrier.settled].map(String) as never)
        assert.equal([...alive].sort(), expected.map(String).sort())
      },
    ),
  )
})

function follow(alive: Set<string>, entry: Entry): void {
  if (entry.kind === 'operation') alive.add(entry.id)
  if (entry.kind === 'settlement') {
    alive.add(String(entry.number))
    for (const { id } of entry.operations) alive.delete(id)
  }
  if (entry.kind !== 'drop') return
  if ('operation' in entry.of) alive.delete(entry.of.operation)
  if ('settlement' in entry.of) alive.delete(String(entry.of.settlement))
}

test.run()
