import { TallymeshError } from '@tallymesh/crdt'
import * as assert from 'uvu/assert'
import { FRAME_BODY_BYTES_MAX } from './frame.js'
import { bothGot, bytes, type Play } from './suite-scene.js'

/** How links end. */
export const END_PLAYS: Record<string, Play> = {
  async 'delivers what was sent before an ordinary close'({ a, b, connect, end }) {
    await connect()
    for (let i = 0; i < 100; i++) a.link.send(16, bytes(i))
    a.link.close()
    await end()
    assert.is(b.frames.length, 100)
    assert.equal([a.reason, b.reason], [undefined, undefined])
  },
  async 'tells both sides the reason of a close, once'(scene) {
    await scene.connect()
    scene.b.link.close(new TallymeshError('MEMBER_REMOVED', 'store 17 was removed on Monday'))
    scene.b.link.close()
    await scene.end()
    bothGot(scene, 'MEMBER_REMOVED', 'store 17 was removed on Monday')
  },
  async 'takes a close of both sides at once'({ a, b, connect, end }) {
    await connect()
    a.link.close()
    b.link.close()
    await end()
    assert.equal([a.reason, b.reason], [undefined, undefined])
  },
  async 'calls nothing from within send and close'({ a, connect, end }) {
    await connect()
    const body = new Uint8Array(FRAME_BODY_BYTES_MAX)
    for (let i = 0; i < 64; i++) a.link.send(16, body)
    a.link.close()
    assert.is(a.story, 'open')
    await end()
    assert.is(a.reason?.code, 'PEER_SLOW')
  },
  async 'delivers no frame after a close, and ignores what is sent then'({ a, b, see, connect, end }) {
    await connect()
    b.react = heard => heard.type === 'frame' && b.link.close()
    for (let i = 0; i < 100; i++) a.link.send(16, bytes(i))
    await see('b to close', () => b.frames.length > 0)
    b.link.send(16, bytes(1))
    await end()
    assert.equal([b.frames.length, a.frames.length], [1, 0])
    a.link.send(16, bytes(1))
    a.link.close(new TallymeshError('LINK_FAILED', 'too late'))
    assert.is(a.story, 'open closed')
  },
  async 'can be closed while it opens'({ a, pair, end }) {
    a.react = heard => heard.type === 'open' && heard.link.close()
    pair.dial()
    await end()
    assert.is(a.story, 'open closed')
  },
  async 'ends with FRAME_DAMAGED on both sides, and delivers nothing of a damaged frame'(scene) {
    const { a, b, pair, see, connect, end } = scene
    await connect()
    a.link.send(16, bytes(1))
    await see('the good frame', () => b.frames.length === 1)
    pair.damage()
    a.link.send(16, bytes(2, 2, 2, 2))
    await end()
    assert.is(b.frames.length, 1)
    bothGot(scene, 'FRAME_DAMAGED', 'checksum')
  },
  async 'cuts a peer that does not read, with a bounded queue'({ a, b, pair, see, connect }) {
    await connect()
    pair.stall()
    const body = new Uint8Array(65_536)
    for (let i = 0; i < 4096 && !a.over; i++) {
      a.link.send(16, body)
      assert.ok(a.link.queuedBytes <= a.queueBytesMax + 64, `${a.link.queuedBytes} bytes queued`)
      if (i % 8 === 0) await pair.settle()
    }
    await see('a to give up', () => a.over)
    assert.is(a.reason?.code, 'PEER_SLOW')
    assert.is(a.story, 'open closed')
    assert.is(b.frames.length, 0)
  },
  async 'ends with LINK_FAILED on both sides when the network breaks'({ a, b, pair, connect, end }) {
    await connect()
    pair.sever()
    await end()
    assert.equal([a.reason?.code, b.reason?.code], ['LINK_FAILED', 'LINK_FAILED'])
  },
}
