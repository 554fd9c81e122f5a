import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/cli/exit-code.js'
import { ExportCheck } from '../../src/cli/export-check.js'

const HEAD = { format: 'tallymesh-export', version: 1, room: 'shop', node: 'a', at: '2025-01-01T00:00:00.000Z' }
const SLOT = { key: 'orders', replica: '1f', increments: 3, decrements: 0 }

function lines(...objects: readonly object[]): string {
  return objects.map(object => `${JSON.stringify(object)}\n`).join('')
}

function exported(slots: readonly object[] = [SLOT, { ...SLOT, key: 'stock' }]): string {
  const body = lines(...slots)
  const sha256 = createHash('sha256').update(body).digest('hex')
  return lines(HEAD) + body + lines({ end: true, slots: slots.length, sha256 })
}

function check(text: string, bytes = text.length): ExportCheck {
  const check = new ExportCheck('room.ndjson')
  const all = Buffer.from(text)
  for (let at = 0; at < all.length; at += bytes) check.push(all.subarray(at, at + bytes))
  check.end()
  return check
}

function refusal(text: string): string {
  try {
    check(text)
  } catch (error) {
    if (error instanceof CommandError && error.exit === 1) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

const exports_ = suite('export check')

exports_('takes whole exports, however they are cut', () => {
  for (const bytes of [1, 7, 64, 10_000]) assert.is(check(exported(), bytes).slots, 2)
  assert.is(check(exported([])).slots, 0)
  const head = new ExportCheck('x')
  head.push(Buffer.from(exported()))
  assert.is(head.end().room, 'shop')
})

exports_('names what is wrong', () => {
  assert.is(refusal(''), 'room.ndjson is damaged: it is empty')
  assert.match(refusal('# a list\n'), /it is no tallymesh export$/)
  assert.match(refusal('[]\n'), /it is no tallymesh export$/)
  assert.match(refusal(lines({ ...HEAD, format: 'x' })), /it is no tallymesh export$/)
  assert.match(refusal(lines({ ...HEAD, version: 2 })), /it has version 2, this tallymesh reads 1/)
  assert.match(refusal(lines({ ...HEAD, room: 1 })), /its head is damaged$/)
  const whole = exported()
  assert.match(refusal(whole.slice(0, -1)), /its last line is cut off$/)
  assert.match(refusal(lines(HEAD, SLOT)), /it breaks off after 1 slot$/)
  assert.match(refusal(whole + lines(SLOT)), /line 5 stands after the end$/)
  assert.match(refusal(whole.replace('"increments":3', '"increments":4')), /do not match their SHA-256$/)
  assert.match(refusal(whole.replace('"slots":2', '"slots":3')), /it holds 2 slots, its end says 3$/)
  assert.match(refusal(whole.replace('"increments":3', '"increments":-3')), /line 2 is no slot$/)
  assert.match(refusal(whole.replace('"increments":3', '"increments":1.5')), /line 2 is no slot$/)
  assert.match(refusal(whole.replace('"replica"', '"other"')), /line 2 is no slot$/)
  assert.match(refusal(`${lines(HEAD)}{"key":\n`), /line 2 is no JSON object$/)
  assert.match(refusal(`${lines(HEAD)}${'x'.repeat(270_000)}`), /line 2 is too long/)
})

exports_.run()
