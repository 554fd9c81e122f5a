import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { singleBody, streamsBodies } from '../src/single-body.js'

const test = suite('single-body')

test('Node streams, pages and workers do not', () => {
  assert.ok(streamsBodies())
  for (const sign of ['window', 'importScripts']) {
    Object.assign(globalThis, { [sign]: () => {} })
    assert.not.ok(streamsBodies())
    Reflect.deleteProperty(globalThis, sign)
  }
})

test('a stream that was taken cannot be withdrawn', async () => {
  const body = singleBody('{"add":"é"}', true)
  assert.is(body.length, 12)
  assert.is(await new Response(body.init.body).text(), '{"add":"é"}')
  assert.is(body.withdraw(), false)
})

test('a stream that was withdrawn cannot be taken', async () => {
  const body = singleBody('{"add":5}', true)
  assert.is(body.withdraw(), true)
  assert.is(body.withdraw(), true)
  assert.match(await new Response(body.init.body).text().catch((error: Error) => error.message), 'given up')
})

test('looking at a stream does not take it', async () => {
  const body = singleBody('{"add":5}', true)
  const request = new Request('http://127.0.0.1:1', { method: 'POST', ...body.init })
  assert.ok(request.body)
  await new Promise(resolve => setImmediate(resolve))
  assert.is(body.withdraw(), true)
})

test('of a text it cannot be told', () => {
  const body = singleBody('{"add":5}', false)
  assert.is(body.init.body, '{"add":5}')
  assert.is(body.withdraw(), false)
})

test.run()
