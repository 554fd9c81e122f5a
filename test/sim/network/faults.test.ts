import { TallymeshError } from '@tallymesh/crdt'
import { decodeFrame } from '@tallymesh/link'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Share } from './conditions.js'
import { range, Staged, send } from './staged.js'

const test = suite('faults of a simulated network')

const FRAMES = 200

/** What b gets of frames that a sends with a share of faults, one after the other or all at once. */
function fault(share: Share, percent: number, everyMs: number, seed = 1): { got: number[]; staged: Staged } {
  const staged = new Staged('a b', seed)
  const [a] = staged.link()
  staged.network.setShare(share, 'a', 'b', percent)
  for (const number of range(FRAMES)) {
    send(a, number)
    staged.run(everyMs)
  }
  staged.run(1000)
  assert.is(a.link.queuedBytes, 0)
  assert.is(staged.network.inFlight, 0)
  return { got: staged.got('b'), staged }
}

test('lost frames are missing from a live link', () => {
  const { got, staged } = fault('lose', 20, 10)
  const { lost } = staged.network.injected
  assert.ok(lost > 20 && lost < 60, `${lost} lost`)
  assert.is(got.length, FRAMES - lost)
  assert.equal(
    got,
    got.toSorted((x, y) => x - y),
  )
  assert.is(staged.of('b').story.includes('closed'), false)
})

test('repeated frames come twice, the second time later', () => {
  const { got, staged } = fault('repeat', 20, 3)
  const { repeated, overtaken } = staged.network.injected
  assert.ok(repeated > 20 && repeated < 60, `${repeated} repeated`)
  assert.is(got.length, FRAMES + repeated)
  assert.is(overtaken, 0)
  assert.is(new Set(got).size, FRAMES)
  // The first ones keep their order.
  assert.equal([...new Set(got)], range(FRAMES))
  assert.ok(got.some((number, at) => at > 0 && number < (got[at - 1] ?? 0)))
})

test('a repeated frame has bytes of its own', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.setShare('repeat', 'a', 'b', 100)
  send(a, 7)
  staged.run(100)
  assert.equal(staged.got('b'), [7, 7])
  const [first, second] = b.frames
  assert.is.not(first?.body.buffer, second?.body.buffer)
})

test('frames overtake each other, whether they come at once or one by one', () => {
  for (const everyMs of [0, 5]) {
    const { got, staged } = fault('reorder', 10, everyMs)
    assert.is(got.length, FRAMES)
    assert.is(new Set(got).size, FRAMES)
    let highest = -1
    let overtaken = 0
    for (const number of got) {
      if (number < highest) overtaken++
      highest = Math.max(highest, number)
    }
    assert.ok(overtaken > 5, `${overtaken} overtaken`)
    assert.is(staged.network.injected.overtaken, overtaken)
  }
})

test('a frame overtakes all that are on their way', () => {
  const staged = new Staged('a b')
  const [a] = staged.link()
  send(a, 1, 2, 3)
  staged.network.setShare('reorder', 'a', 'b', 100)
  send(a, 4)
  staged.run(20)
  assert.equal(staged.got('b'), [4, 1, 2, 3])
})

test('a damaged frame differs in one bit, and ends the link on both sides', () => {
  for (const seed of range(20)) {
    const staged = new Staged('a b', seed)
    const [a, b] = staged.link()
    staged.network.setShare('damage', 'a', 'b', 100)
    let sent: Uint8Array | undefined
    staged.network.tap = (from, _to, bytes) => from === 'a' && (sent ??= bytes)
    a.link.send(16, Uint8Array.of(1, 2, 3))
    staged.run(100)
    assert.equal(sent && decodeFrame(sent).body, Uint8Array.of(1, 2, 3))
    assert.equal([a.reason?.code, b.reason?.code], ['FRAME_DAMAGED', 'FRAME_DAMAGED'])
    assert.is(b.frames.length, 0)
    assert.is(staged.network.injected.damaged, 1)
  }
})

test('faults of a hello refuse the connection, and hurt nobody', () => {
  for (const share of ['damage', 'lose'] as const) {
    const staged = new Staged('a b')
    staged.network.setShare(share, 'b', 'a', 100)
    staged.dial('a', 'b')
    staged.run(10_000)
    assert.is(staged.of('a').story, 'refused')
    assert.match(staged.of('b').story, /^(refused|open closed)$/)
    assert.is(staged.network.inFlight, 0)
  }
})

test('a share that is taken away, and one of another direction, does nothing', () => {
  const staged = new Staged('a b')
  const [a] = staged.link()
  for (const share of ['lose', 'repeat', 'damage', 'reorder'] as const) {
    staged.network.setShare(share, 'b', 'a', 100)
    staged.network.setShare(share, 'a', 'b', 100)
    staged.network.setShare(share, 'a', 'b', 0)
  }
  send(a, ...range(100))
  staged.run(100)
  assert.equal(staged.got('b'), range(100))
})

test('a clogged direction holds everything, and lets it through at once', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.clog('a', 'b', 500)
  staged.network.clog('a', 'b', 100)
  const atMs: number[] = []
  b.react = () => atMs.push(staged.time.nowMs)
  const untilMs = staged.time.nowMs + 500
  send(a, ...range(20))
  send(b, 1)
  staged.run(490)
  assert.equal([a.frames.length, b.frames.length], [1, 0])
  staged.run(10)
  assert.equal(staged.got('b'), range(20))
  assert.equal(new Set(atMs), new Set([untilMs]))
  assert.is(staged.network.injected.clogged, 1)
})

test('healing opens a clogged direction, and brings the ordinary delay back', () => {
  const staged = new Staged('a b', 1, [1, 2])
  const [a] = staged.link()
  staged.network.clog('a', 'b', 60_000)
  staged.network.delay('a', 'b', 300, 100)
  send(a, 1)
  staged.run(250)
  staged.network.heal('a', 'b')
  staged.run(45)
  assert.equal(staged.got('b'), [])
  staged.run(105)
  assert.equal(staged.got('b'), [1])
  send(a, 2)
  staged.run(2)
  assert.equal(staged.got('b'), [1, 2])
})

test('healing takes the shares away', () => {
  const staged = new Staged('a b')
  const [a] = staged.link()
  staged.network.setShare('lose', 'a', 'b', 100)
  staged.network.heal()
  staged.network.setShare('repeat', 'a', 'b', 100)
  send(a, 1)
  staged.run(100)
  assert.equal(staged.got('b'), [1, 1])
})

test('a cut direction is silent, the other one is not', () => {
  const staged = new Staged('a b c')
  const [a, b] = staged.link()
  staged.network.cut('a', 'b')
  send(a, 1)
  send(b, 2)
  staged.run(60_000)
  assert.equal([staged.got('a'), staged.got('b')], [[2], []])
  assert.equal([a.story, b.story], ['open frame', 'open'])
  assert.is(staged.network.injected.stalled, 1)
  staged.network.heal('a', 'c')
  staged.run(1000)
  assert.equal(staged.got('b'), [])
})

test('after a cut a connection goes on where it was, or is broken for both', () => {
  const outcomes = range(30).map(seed => {
    const staged = new Staged('a b', seed)
    const [a, b] = staged.link()
    staged.network.cut('a', 'b')
    staged.network.cut('b', 'a')
    send(a, 1, 2, 3)
    staged.run(700)
    staged.network.heal()
    staged.run(500)
    if (staged.network.injected.broken === 0) {
      assert.equal(staged.got('b'), [1, 2, 3])
      assert.equal([a.over, b.over], [false, false])
    } else {
      assert.equal(staged.got('b'), [])
      assert.equal([a.reason?.code, b.reason?.code], ['LINK_FAILED', 'LINK_FAILED'])
    }
    return staged.network.injected.broken
  })
  assert.equal(new Set(outcomes), new Set([0, 1]))
})

test('a connection that said nothing during a cut does not notice it', () => {
  const staged = new Staged('a b')
  const [a, b] = staged.link()
  staged.network.cut('a', 'b')
  staged.run(60_000)
  staged.network.heal()
  send(a, 1)
  staged.run(20)
  assert.equal([a.story, b.story], ['open', 'open frame'])
})

test('dropped links are broken for both ends, those of others are not', () => {
  const staged = new Staged('a b c')
  const [a, b] = staged.link()
  const [, c] = staged.link('b', 'c')
  send(a, 1)
  staged.network.drop('b', 'a')
  assert.is(a.link.queuedBytes, 0)
  staged.run(20)
  assert.equal([a.story, b.story, c.story], ['open closed', 'open open closed', 'open'])
  assert.is(staged.network.injected.dropped, 1)
  staged.dial('a', 'b')
  staged.run(20)
  assert.is(a.story, 'open closed open')
})

test('a link that is being closed while it is dropped ends once', () => {
  for (const seed of range(20)) {
    const staged = new Staged('a b', seed)
    const [a, b] = staged.link()
    a.link.close(new TallymeshError('NOT_READY', 'later'))
    staged.run(seed / 4)
    staged.network.drop('a', 'b')
    staged.run(2000)
    assert.equal([a.story, b.story], ['open closed', 'open closed'])
    assert.is(a.reason?.code, 'NOT_READY')
    assert.is(staged.network.inFlight, 0)
  }
})

test.run()
