import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawsOf } from '../draw.js'
import { VirtualTime } from '../virtual-time.js'
import { SimPlace } from './sim-place.js'
import { range, Staged, send } from './staged.js'

const test = suite('processes on a simulated network')

test('a process that is gone hears nothing, and its peers find their links broken', () => {
  const staged = new Staged('a b c')
  const [a, b] = staged.link()
  staged.link('c', 'b')
  const zombie = b.link
  send(a, 1)
  staged.network.vanish('b')
  zombie.send(16, Uint8Array.of(1))
  zombie.close()
  staged.run(10)
  assert.equal([a.story, b.story, staged.of('c').story], ['open closed', 'open open', 'open closed'])
  assert.is(a.reason?.code, 'LINK_FAILED')
  assert.is(staged.network.injected.vanished, 2)
  assert.is(staged.network.inFlight, 0)
})

test('what it sent arrives before, all of it or but for the last, and in order', () => {
  const counts = range(40).map(seed => {
    const staged = new Staged('a b', seed)
    const [a] = staged.link()
    send(a, ...range(10))
    staged.network.vanish('a')
    staged.run(50)
    assert.equal(staged.got('b'), range(staged.got('b').length))
    assert.match(staged.of('b').story, /^open( frame)* closed$/)
    return staged.got('b').length
  })
  assert.ok(counts.includes(10) && counts.includes(0), counts.join())
  assert.ok(
    counts.some(count => count > 0 && count < 10),
    counts.join(),
  )
})

test('the news overtakes what takes longer, or comes last', () => {
  const counts = range(20).map(seed => {
    const staged = new Staged('a b', seed, [4, 4])
    const [a] = staged.link()
    send(a, ...range(10))
    staged.network.vanish('a')
    staged.run(50)
    return staged.got('b').length
  })
  assert.equal(new Set(counts), new Set([0, 10]))
})

test('nobody notices behind a cut, or where the machine is gone', () => {
  for (const silent of [true, false]) {
    const staged = new Staged('a b')
    const [a] = staged.link()
    if (!silent) staged.network.cut('b', 'a')
    staged.network.vanish('b', silent)
    staged.run(60_000)
    assert.is(a.story, 'open')
    send(a, 1)
    staged.run(10)
    // Nobody confirms what is sent to a machine that is gone.
    if (silent) assert.is(a.link.queuedBytes, 6)
    a.link.close()
    staged.run(1100)
    assert.is(a.story, 'open closed')
    assert.is(staged.network.inFlight, 0)
  }
})

test('a paused process hears everything later, in order, one connection after the other', () => {
  const staged = new Staged('a b c')
  const [a, b] = staged.link()
  const [c] = staged.link('c', 'b')
  staged.network.pause('b', true)
  for (const number of range(6)) {
    send(number % 2 === 0 ? a : c, number)
    staged.run(20)
  }
  a.link.close()
  staged.dial('c', 'b')
  staged.run(20)
  assert.is(b.story, 'open open')
  staged.network.pause('b', false)
  assert.is(b.story, 'open open')
  staged.run(0)
  assert.equal(staged.got('b'), [0, 2, 4, 1, 3, 5])
  staged.run(100)
  assert.is(b.story, 'open open frame frame frame closed frame frame frame open')
})

test('what arrives at a paused process after the network was cut waits for its healing', () => {
  const staged = new Staged('a b')
  const [a] = staged.link()
  staged.network.pause('b', true)
  send(a, 1)
  staged.run(20)
  staged.network.cut('a', 'b')
  send(a, 2)
  staged.run(20)
  staged.network.pause('b', false)
  staged.run(1000)
  assert.equal(staged.got('b'), [1])
  assert.is(staged.network.injected.stalled, 1)
})

test('what happens at a process that goes on has its place behind what waited', () => {
  const time = new VirtualTime(drawsOf(1))
  const place = new SimPlace(time)
  const happened: number[] = []
  const act = (number: number) => () => void happened.push(number)
  place.pause(true)
  place.happen(() => {
    happened.push(1)
    place.happen(act(3))
  })
  place.happen(act(2))
  place.pause(false)
  place.happen(act(4))
  while (time.step(0));
  place.happen(act(5))
  assert.equal(happened, [1, 2, 4, 3, 5])
})

test('a process that is paused again goes on where it stopped', () => {
  const staged = new Staged('a b c')
  const [a, b] = staged.link()
  const [c] = staged.link('c', 'b')
  staged.network.pause('b', true)
  send(a, 1)
  send(c, 2)
  staged.run(20)
  b.react = () => staged.network.pause('b', true)
  staged.network.pause('b', false)
  staged.run(1000)
  assert.is(b.frames.length, 1)
  staged.network.pause('b', false)
  staged.run(0)
  assert.is(b.frames.length, 2)
})

test('a process that ends while it is paused leaves nothing to the next one', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.pause('b', true)
  send(a, 1)
  staged.dial('a', 'b')
  staged.run(20)
  staged.network.vanish('b')
  const next = staged.start('b')
  staged.run(20)
  assert.equal([b.story, next.story], ['open', ''])
  staged.dial('a', 'b')
  staged.run(20)
  assert.is(next.story, 'open')
})

test('a process may end within what it hears', () => {
  const staged = new Staged('a b', 1, [2, 2])
  const [a, b] = staged.link()
  send(a, 1, 2, 3)
  b.react = () => staged.network.vanish('b')
  staged.run(20)
  assert.equal(staged.got('b'), [1])
  assert.equal([a.story, b.story], ['open closed', 'open frame'])
  assert.is(staged.network.inFlight, 0)
})

test('time limits of a paused process are found over when it goes on', () => {
  const staged = new Staged('a b')
  staged.network.cut('a', 'b')
  staged.dial('a', 'b')
  staged.network.pause('a', true)
  staged.run(20_000)
  assert.is(staged.of('a').story, '')
  staged.network.pause('a', false)
  staged.run(0)
  assert.is(staged.of('a').story, 'refused')
})

test.run()
