import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Turnstile } from '../src/turnstile.js'

const test = suite('turnstile')

function calls(turnstile: Turnstile): {
  begun: string[]
  call: (name: string, signal?: AbortSignal) => Promise<string>
  end: (name: string) => void
} {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const call = (name: string, signal?: AbortSignal): Promise<string> =>
    turnstile.pass([signal], () => {
      begun.push(name)
      return new Promise(resolve => ends.set(name, () => resolve(name)))
    })
  return { begun, call, end: name => ends.get(name)?.() }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('lets so many go on at a time, the others in their order', async () => {
  const { begun, call, end } = calls(new Turnstile(2))
  const all = Promise.all(['a', 'b', 'c', 'd'].map(name => call(name)))
  await turn()
  assert.equal(begun, ['a', 'b'])
  end('b')
  await turn()
  assert.equal(begun, ['a', 'b', 'c'])
  for (const name of ['a', 'c', 'd']) {
    end(name)
    await turn()
  }
  assert.equal(await all, ['a', 'b', 'c', 'd'])
})

test('who is aborted does not wait, and takes no turn', async () => {
  const { begun, call, end } = calls(new Turnstile(1))
  const stop = new AbortController()
  const reason = new Error('enough')
  const a = call('a')
  const b = call('b', stop.signal).catch(error => error)
  const c = call('c')
  await turn()
  // The turn comes to b while it is aborted, and goes on to c.
  end('a')
  stop.abort(reason)
  await a
  await turn()
  assert.is(await call('d', AbortSignal.abort(reason)).catch(error => error), reason)
  assert.ok(begun.includes('c') !== begun.includes('b'), begun.join())
  for (const name of ['b', 'c']) {
    end(name)
    await turn()
  }
  await Promise.all([b, c])
  const e = call('e')
  await turn()
  end('e')
  assert.is(await e, 'e')
})

test('a call that throws gives its turn back', async () => {
  const turnstile = new Turnstile(1)
  const error = await turnstile.pass([], () => Promise.reject(new Error('no'))).catch(reason => reason)
  assert.is(error.message, 'no')
  assert.is(await turnstile.pass([], async () => 5), 5)
})

test.run()
