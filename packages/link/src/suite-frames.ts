import * as assert from 'uvu/assert'
import { FRAME_BODY_BYTES_MAX } from './frame.js'
import { bytes, type Play, throwsCode } from './suite-scene.js'

/** What holds while a link is open. */
export const FRAME_PLAYS: Record<string, Play> = {
  async 'opens once on both sides, which know each other then'({ a, b, pair, connect }) {
    await connect()
    assert.equal(a.link.peer, b.hello())
    assert.equal(b.link.peer, a.hello())
    assert.equal([a.link.dialed, b.link.dialed], [pair.url, undefined])
  },
  async 'says a hello made anew for each link'({ a, b, pair, see, connect, end }) {
    await connect()
    a.link.close()
    await end()
    a.says({ room: 'bar' })
    b.says({ room: 'bar' })
    pair.dial()
    await see('a second link', () => a.story === 'open closed open' && b.story === 'open closed open')
    assert.equal([a.link.peer.room, b.link.peer.room], ['bar', 'bar'])
  },
  async 'delivers frames in order, both ways, with their kinds'({ a, b, see, connect }) {
    await connect()
    for (let i = 0; i < 1000; i++) {
      a.link.send(16 + (i % 240), bytes(i, i >> 8))
      b.link.send(255, bytes(i, i >> 8))
    }
    await see('1000 frames each', () => a.frames.length === 1000 && b.frames.length === 1000)
    for (let i = 0; i < 1000; i++) {
      assert.equal(b.frames[i]?.body, bytes(i, i >> 8))
      assert.is(b.frames[i]?.kind, 16 + (i % 240))
      assert.equal(a.frames[i]?.body, bytes(i, i >> 8))
    }
  },
  async 'copies the body, so that the sender may use it again'({ a, b, see, connect }) {
    await connect()
    const body = bytes(1, 2, 3)
    a.link.send(16, body)
    body.fill(9)
    a.link.send(17, bytes())
    await see('both frames', () => b.frames.length === 2)
    assert.equal(b.frames[0]?.body, bytes(1, 2, 3))
    assert.is(b.frames[1]?.body.length, 0)
  },
  async 'takes the longest body, refuses a longer one and stays open'({ a, b, see, connect }) {
    await connect()
    const body = new Uint8Array(FRAME_BODY_BYTES_MAX).map((_, i) => i % 251)
    a.link.send(16, body)
    throwsCode(() => a.link.send(16, new Uint8Array(FRAME_BODY_BYTES_MAX + 1)), 'FRAME_TOO_LARGE')
    await see('the long frame', () => b.frames.length === 1)
    assert.is(Buffer.compare(b.frames[0]?.body ?? bytes(), body), 0)
    assert.is(a.story, 'open')
  },
  async 'refuses the kinds of the link and those over 255, and stays open'({ a, b, see, connect }) {
    await connect()
    for (const kind of [-1, 0, 1, 15, 16.5, 256, Number.NaN]) {
      throwsCode(() => a.link.send(kind, bytes(1)), 'INVALID_OPTION')
    }
    a.link.send(16, bytes(7))
    await see('the good frame', () => b.frames.length === 1)
    assert.equal(b.frames[0]?.body, bytes(7))
  },
}
