import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { KeptOperation, OutboxChange } from '../src/outbox.js'
import { encodeChange, HEADER, readContent } from '../src/outbox-record.js'
import { throwsCode } from './failing.js'
import { operationOf } from './memory-outbox.js'

const test = suite('outbox-record')
const idsOf = (kept: ReadonlyMap<string, KeptOperation>): string[] => [...kept.keys()].sort()
const operations = ['a', 'b', 'c', 'd{e="ü"}'].map(key => operationOf(key))
const read = (text: string | Buffer) => readContent(Buffer.from(text as string), 'it')

const changes = fc.array(
  fc.record({ keep: fc.subarray(operations), drop: fc.subarray(operations.map(({ id }) => id)) }),
  { maxLength: 6 },
)

/** What is kept after the changes. */
function after(done: readonly OutboxChange[]): string[] {
  const kept = new Set<string>()
  for (const { keep, drop } of done) {
    for (const { id } of keep) kept.add(id)
    for (const id of drop) kept.delete(id)
  }
  return [...kept].sort()
}

test('what was written is read, and a torn end is left out', () => {
  fc.assert(
    fc.property(changes, fc.nat(), (done, cut) => {
      const lines = done.map(encodeChange)
      const whole = HEADER + lines.join('')
      assert.equal(idsOf(read(whole).kept), after(done))
      const last = lines.at(-1) ?? ''
      const torn = Buffer.from(whole).subarray(
        0,
        Buffer.byteLength(whole) - (cut % Math.max(1, Buffer.byteLength(last))),
      )
      const content = read(torn)
      assert.equal(content.damage, [])
      const lost = torn.length < Buffer.byteLength(whole)
      assert.equal(idsOf(content.kept), after(lost ? done.slice(0, -1) : done))
      assert.is(torn.at(content.end - 1), 10)
    }),
  )
})

test('any changed byte of a line is found, and costs that line', () => {
  const lines = operations.map(operation => encodeChange({ keep: [operation], drop: [] }))
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(HEADER + lines.join(''))
      // Not in the last line, where it might make a torn end.
      const place = HEADER.length + (at % (bytes.length - HEADER.length - Buffer.byteLength(lines.at(-1) as string)))
      bytes[place] = (bytes[place] as number) ^ flip
      const { kept, damage } = read(bytes)
      assert.ok(damage.length >= 1, 'it is said')
      assert.ok(kept.size >= operations.length - 2 && kept.size < operations.length)
      for (const operation of kept.values())
        assert.equal(operation.additions, operations.find(({ id }) => id === operation.id)?.additions)
    }),
  )
})

test('what has no header, other lines, or no line at all is damage; a later format is refused', () => {
  const line = encodeChange({ keep: operations.slice(0, 1), drop: [] })
  assert.equal([read(line).kept.size, read(line).damage], [1, ['line 1 of it is not that of an outbox']])
  assert.equal(read('').damage, ['it has no whole line'])
  assert.equal(read('garbage').damage, ['it has no whole line'])
  for (const garbage of ['', 'x', '00000000 {}', line.replace('a', 'b').trim()]) {
    const { kept, damage } = read(`${HEADER}${garbage}\n${line}`)
    assert.is(kept.size, 1)
    assert.match(damage.join(), /^line 2 of it cannot be read: /)
  }
  throwsCode(() => read('tallymesh-outbox 2\n'), 'OUTBOX_UNSUPPORTED')
})

test.run()
