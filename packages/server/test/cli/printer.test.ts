import { PassThrough, Writable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonText, Printer, printable } from '../../src/cli/printer.js'

const printer = suite('printer')

printer('waits for a reader that is slow', async () => {
  const out = new PassThrough({ highWaterMark: 4 })
  const print = new Printer(out, new PassThrough(), () => {})
  let written = false
  const writing = print.line('longer than four').then(() => {
    written = true
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.is(written, false)
  out.resume()
  await writing
  assert.is(await print.end(0), 0)
})

printer('tells that the reader is gone, and that nothing can be written', async () => {
  let gone = 0
  const failing = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error('x'), { code })) })
  const notes = new PassThrough({ encoding: 'utf8' })
  const unread = new Printer(failing('EPIPE'), notes, () => gone++)
  await unread.line('a').catch(() => {})
  assert.is(gone, 1)
  const full = new Printer(failing('ENOSPC'), notes, () => gone++)
  await full.line('a').catch(() => {})
  assert.is(gone, 1)
  assert.is(await full.end(0), 1)
  assert.is(await full.end(3), 3)
  assert.match(notes.read(), /^tallymesh: stdout cannot be written: the disk is full\n$/)
  const error = await full.line('b').catch((error: Error) => error)
  assert.match((error as Error).message, /the disk is full/)
})

printer('shows what would be obeyed by a terminal, and writes big numbers exactly', () => {
  assert.is(printable('a\x1b]0;x\x07\u009b\u202eb'), 'a\\u001b]0;x\\u0007\\u009b\\u202eb')
  assert.is(printable('日本 é "quoted"'), '日本 é "quoted"')
  assert.is(jsonText({ value: 2n ** 60n, small: 1 }), '{"value":"1152921504606846976","small":1}')
  const err = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const onTerminal = new Printer(new PassThrough(), err, () => {})
  onTerminal.progress('1 of 2')
  assert.is(err.read(), '\r\x1b[K1 of 2')
  assert.equal([onTerminal.terminal, onTerminal.noteTerminal], [false, true])
})

printer.run()
