import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { delay, Leash } from '../src/leash.js'

const test = suite('leash')
const never = () => new Promise<never>(() => {})

test('ends with the first of its signals, and says why', async () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const leash = new Leash([undefined, a.signal, b.signal])
  const held = leash.hold(never()).catch((error: unknown) => error)
  b.abort('because')
  a.abort('later')
  assert.is(await held, 'because')
  assert.is(leash.timedOut, false)
  assert.is(await leash.hold(never()).catch((error: unknown) => error), 'because')
  assert.is(new Leash([a.signal]).signal.reason, 'later')
})

test('ends after its time, which can be given anew', async () => {
  const leash = new Leash([])
  leash.allow(60_000)
  leash.allow(1)
  const error = await leash.hold(never()).catch((error: Error) => error)
  assert.match(error.message, 'nothing was heard for 1 ms')
  assert.ok(leash.timedOut)
})

test('lets answers and failures through, and nothing happens after it is dropped', async () => {
  const stop = new AbortController()
  const leash = new Leash([stop.signal])
  leash.allow(60_000)
  assert.is(await leash.hold(Promise.resolve(5)), 5)
  assert.is(await leash.hold(Promise.reject(6)).catch((error: unknown) => error), 6)
  leash.drop()
  stop.abort()
  assert.not.ok(leash.signal.aborted)
})

test('a delay ends early with any signal', async () => {
  const stop = new AbortController()
  const waits = [delay(60_000, [undefined, stop.signal]), delay(60_000, [AbortSignal.abort()]), delay(1, [])]
  stop.abort()
  await Promise.all(waits)
})

test.run()
