import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EventParser } from '../src/event-stream.js'

const test = suite('event-stream')
const bytes = (text: string) => new TextEncoder().encode(text)

test('events, comments, names, lines and their ends', () => {
  const events = new EventParser().push(
    bytes(
      ': heartbeat\n\ndata: {"a":1}\n\ndata:x\r\ndata\r\ndata:  y\r\n\r\nevent: end\rdata: bye\r\rid: 7\nretry: 5\nodd\n\nevent\n\n',
    ),
  )
  assert.equal(events, [
    { type: 'message', data: '{"a":1}' },
    { type: 'message', data: 'x\n\n y' },
    { type: 'end', data: 'bye' },
  ])
})

test('the pieces in which a stream arrives change nothing', () => {
  const text = 'data: {"key":"é\u{1F980}","value":1}\r\n\r\n: beat\r\n\r\ndata: two\n\nevent: end\ndata:\n\n'
  const whole = new EventParser().push(bytes(text))
  assert.is(whole.length, 3)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes(text).length), { maxLength: 20 }), cuts => {
      const parser = new EventParser()
      const ends = [...cuts, 0, bytes(text).length].sort((a, b) => a - b)
      const events = ends.flatMap((end, i) => parser.push(bytes(text).slice(ends[i - 1] ?? 0, end)))
      assert.equal(events, whole)
    }),
  )
})

test('what is too long is refused', () => {
  const parser = new EventParser()
  assert.throws(() => {
    for (let i = 0; i < 100; i++) parser.push(bytes('x'.repeat(1_000)))
  }, /more than 65536 characters/)
  assert.throws(() => new EventParser().push(bytes(`${'x'.repeat(70_000)}\n`)), /more than 65536 characters/)
  assert.throws(() => new EventParser().push(bytes('data: x\n'.repeat(20))), /more than 16 lines/)
})

test.run()
