import { TallymeshError } from '@tallymesh/crdt'
import { HANDSHAKE_MS } from '@tallymesh/link'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { range, Staged, send, url } from './staged.js'

const test = suite('simulated network')

test('nothing is called from within dialing, sending and closing', () => {
  const staged = new Staged('a b')
  staged.dial('a', 'b')
  assert.equal([staged.of('a').story, staged.of('b').story], ['', ''])
  const [a, b] = staged.link('b', 'a')
  send(a, 1)
  a.link.close()
  a.link.close()
  assert.not.ok(a.over || b.frames.length > 0)
})

test('a frame takes as long as it may, and keeps its order', () => {
  const staged = new Staged('a b', 7, [3, 9])
  const [a, b] = staged.link()
  const tookMs: number[] = []
  let sentMs = 0
  b.react = () => tookMs.push(staged.time.nowMs - sentMs)
  for (const number of range(200)) {
    sentMs = staged.time.nowMs
    send(a, number)
    staged.run(20)
  }
  assert.is(tookMs.length, 200)
  assert.ok(Math.min(...tookMs) >= 3 && Math.min(...tookMs) < 4)
  assert.ok(Math.max(...tookMs) <= 9 && Math.max(...tookMs) > 8)
  send(a, ...range(200))
  staged.run(20)
  assert.equal(staged.got('b'), [...range(200), ...range(200)])
  assert.is(staged.network.inFlight, 0)
  assert.is(a.link.queuedBytes, 0)
})

test('one seed runs the same way twice, and another one another way', () => {
  const trace = (seed: number) => {
    const staged = new Staged('a b c', seed)
    const lines: string[] = []
    staged.network.tap = (from, to, bytes) => lines.push(`${staged.time.nowMs} ${from}>${to} ${bytes.length}`)
    for (const share of ['lose', 'repeat', 'damage', 'reorder'] as const) staged.network.setShare(share, 'a', 'b', 5)
    for (const [name, node] of staged.nodes) {
      node.react = heard => {
        lines.push(`${staged.time.nowMs} ${name} ${heard.type}`)
        if (heard.type === 'frame' && (heard.body[0] ?? 0) < 9)
          heard.link.send(
            16,
            heard.body.map(count => count + 1),
          )
      }
    }
    for (const round of range(20)) {
      staged.dial('a', 'b')
      staged.dial('b', 'c')
      staged.run(20)
      if (staged.of('b').heard.some(({ type }) => type === 'open')) send(staged.of('b'), round % 5)
      if (round === 10) staged.network.drop('a', 'b')
      staged.run(20)
    }
    return lines.join('\n')
  }
  assert.is(trace(5), trace(5))
  assert.is.not(trace(5), trace(6))
})

test('the delays of a direction stay where they are when another one is busy', () => {
  const arrivals = (busy: boolean) => {
    const staged = new Staged('a b c')
    const [a, b] = staged.link()
    staged.link('c', 'b')
    const atMs: number[] = []
    b.react = heard => heard.type === 'frame' && heard.link.peer.name === 'a' && atMs.push(staged.time.nowMs)
    for (const number of range(50)) {
      send(a, number)
      if (busy) send(staged.of('c'), number, number)
      staged.run(10)
    }
    return atMs
  }
  assert.is(arrivals(true).length, 50)
  assert.equal(arrivals(true), arrivals(false))
})

test('each direction has delays of its own', () => {
  const staged = new Staged('a b c')
  const tookMs = ['b', 'c'].map(name => {
    const [a, other] = staged.link('a', name)
    const took: number[] = []
    let sentMs = 0
    other.react = () => took.push(staged.time.nowMs - sentMs)
    for (const number of range(20)) {
      sentMs = staged.time.nowMs
      send(a, number)
      staged.run(10)
    }
    return took.map(ms => ms.toFixed(6))
  })
  assert.is(new Set(tookMs.flat()).size, 40)
})

test('where nobody listens the dialer is refused at once; a cut network keeps it waiting', () => {
  const staged = new Staged('a b')
  staged.dial('a', 'x')
  staged.run(10)
  assert.is(staged.of('a').reason?.code, 'LINK_FAILED')
  assert.ok(staged.of('a').reason?.message.includes('refused'))
  for (const [from, to] of [['a', 'b'] as const, ['b', 'a'] as const]) {
    staged.network.cut(from, to)
    staged.dial('a', 'b')
    const { length } = staged.of('a').heard
    staged.run(4999)
    assert.is(staged.of('a').heard.length, length)
    staged.run(2)
    assert.ok(staged.of('a').reason?.message.includes('did not answer within 5000 ms'))
    staged.network.heal()
    staged.run(10_000)
  }
  // Only the second request came to b, whose answer did not come back.
  assert.equal([staged.of('a').story, staged.of('b').story], ['refused refused refused', 'refused'])
  assert.equal([staged.network.injected.refused, staged.network.injected.unanswered], [1, 2])
  assert.is(staged.network.inFlight, 0)
})

test('a request that a cut holds up arrives when that is healed in time', () => {
  for (const seed of range(10)) {
    const staged = new Staged('a b', seed)
    staged.network.cut('a', 'b')
    staged.dial('a', 'b')
    staged.run(3000)
    staged.network.heal('b', 'a')
    staged.run(1000)
    assert.equal([staged.of('a').story, staged.of('b').story], ['open', 'open'])
  }
})

test('a close ends the link for both sides as soon as each has heard of the other', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  send(a, 1)
  a.link.close()
  staged.run(11)
  assert.equal([a.story, b.story], ['open closed', 'open frame closed'])
  assert.equal([a.reason, b.reason], [undefined, undefined])
  // Nothing is left of it that could be dropped.
  staged.network.drop('a', 'b')
  assert.is(staged.network.injected.dropped, 0)
})

test('an attempt that is given up at any moment leaves nothing behind', () => {
  for (const seed of range(40)) {
    const first = new Staged('a b', seed)
    let answeredMs = 0
    first.network.tap = from => from === 'a' && (answeredMs ||= first.time.nowMs)
    first.link()
    for (const cancelMs of [0, answeredMs / 3, answeredMs]) {
      const staged = new Staged('a b', seed)
      const dialing = staged.dial('a', 'b')
      staged.time.after(cancelMs, () => dialing.cancel())
      staged.run(50)
      // Where the answer and the hello came together, and first, it was no attempt any more.
      if (cancelMs === answeredMs && staged.of('a').story === 'open') continue
      assert.is(staged.of('a').story, '')
      assert.match(staged.of('b').story, /^(refused|open closed)?$/)
      staged.network.drop('a', 'b')
      assert.equal([staged.network.injected.dropped, staged.network.inFlight], [0, 0])
    }
  }
})

test('an address is taken once, and leads nowhere once its process is gone', () => {
  const staged = new Staged('a b')
  assert.throws(() => staged.start('b'), /b cannot listen/)
  assert.throws(
    () => staged.network.dial('a', 'http://b', { handshake: staged.of('a'), events: staged.of('a') }),
    (error: unknown) => error instanceof TallymeshError && error.code === 'INVALID_URL',
  )
  staged.network.vanish('b')
  staged.dial('a', 'b')
  staged.run(20)
  assert.is(staged.of('a').story, 'refused')
  staged.start('b')
  staged.dial('a', 'b')
  staged.run(20)
  assert.is(staged.of('a').story, 'refused open')
  assert.is(staged.of('a').link.dialed, `${url('b')}/`)
})

test('a connection without a hello is refused on both sides when its time is over', () => {
  const staged = new Staged('a b')
  staged.network.setShare('lose', 'a', 'b', 100)
  staged.dial('a', 'b')
  staged.run(HANDSHAKE_MS - 1)
  assert.equal([staged.of('a').story, staged.of('b').story], ['open', ''])
  staged.run(100)
  assert.equal([staged.of('a').story, staged.of('b').story], ['open closed', 'refused'])
  assert.ok(staged.of('b').reason?.message.includes(`said no hello within ${HANDSHAKE_MS} ms`))
  assert.is(staged.network.injected.lost, 1)
})

test('an open link is not ended by the time limit of its handshake', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.run(10 * HANDSHAKE_MS)
  assert.equal([a.story, b.story], ['open', 'open'])
  assert.is(staged.time.waiting, 0)
})

test('a link that one side closes in a cut network ends there within a second, and is silent for the other', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.cut('a', 'b')
  a.link.close(new TallymeshError('LINK_FAILED', 'b is silent'))
  staged.run(900)
  assert.is(a.story, 'open')
  staged.run(200)
  assert.equal([a.story, b.story], ['open closed', 'open'])
  assert.is(a.reason?.message, 'b is silent')
  staged.run(60_000)
  assert.is(b.story, 'open')
  staged.network.heal()
  staged.run(1000)
  assert.is(b.reason?.code, 'LINK_FAILED')
  assert.is(staged.network.inFlight, 0)
})

test('a queue past its bound is cut with PEER_SLOW where the network is clogged', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.clog('a', 'b', 10_000)
  for (let sent = 0; sent < 20; sent++) a.link.send(16, new Uint8Array(65_536))
  staged.run(100)
  assert.is(a.reason?.code, 'PEER_SLOW')
  assert.is(b.story, 'open')
  staged.run(10_000)
  assert.is(b.reason?.code, 'LINK_FAILED')
})

test('a node that dials itself meets its own instance', () => {
  const staged = new Staged('a')
  staged.dial('a', 'a')
  staged.run(50)
  assert.is(staged.of('a').story, 'open open')
  assert.is(staged.of('a').link.peer.instance, staged.of('a').hello().instance)
})

test.run()
