import { TallymeshError } from '@tallymesh/crdt'
import * as assert from 'uvu/assert'
import { PROTOCOL_VERSION } from './hello.js'
import type { Play } from './suite-scene.js'
import { bothGot } from './suite-scene.js'

/** How connections do not become links. */
export const REFUSAL_PLAYS: Record<string, Play> = {
  async 'refuses another room on both sides, naming both'(scene) {
    scene.b.says({ room: 'bar' })
    scene.pair.dial()
    await scene.end()
    bothGot(scene, 'WRONG_ROOM', '"bar"')
    bothGot(scene, 'WRONG_ROOM', '"shop"')
    assert.equal([scene.a.story, scene.b.story], ['refused', 'refused'])
    assert.equal(scene.a.heard[0], { type: 'refused', reason: scene.a.reason, dialed: scene.pair.url })
  },
  async 'refuses another version on both sides, naming both'(scene) {
    scene.a.says({ version: PROTOCOL_VERSION + 6 })
    scene.pair.dial()
    await scene.end()
    bothGot(scene, 'WRONG_VERSION', `version ${PROTOCOL_VERSION}`)
    bothGot(scene, 'WRONG_VERSION', `version ${PROTOCOL_VERSION + 6}`)
    assert.equal([scene.a.story, scene.b.story], ['refused', 'refused'])
  },
  async 'tells the dialer why the other side does not admit it'(scene) {
    scene.b.judge = peer => new TallymeshError('MEMBER_REMOVED', `node ${peer.name} left for good`)
    scene.pair.dial()
    await scene.end()
    bothGot(scene, 'MEMBER_REMOVED', 'node a left for good')
    assert.is(scene.b.story, 'refused')
  },
  async 'tells the dialed side why the dialer does not admit it'(scene) {
    scene.a.judge = peer => new TallymeshError('MEMBER_REMOVED', `node ${peer.name} left for good`)
    scene.pair.dial()
    await scene.end()
    bothGot(scene, 'MEMBER_REMOVED', 'node b left for good')
    assert.is(scene.a.story, 'refused')
  },
  async 'refuses to link with a hello that breaks the limits'({ a, b, pair, end }) {
    b.says({ name: 'x'.repeat(257) })
    pair.dial()
    await end()
    assert.is(b.reason?.code, 'INVALID_OPTION')
    assert.equal([a.story, b.story], ['refused', 'refused'])
  },
  async 'forgets an attempt that is cancelled, and leaves an open link alone'({ a, pair, see }) {
    pair.dial().cancel()
    for (let round = 0; round < 20; round++) await pair.settle()
    assert.is(a.story, '')
    const dialing = pair.dial()
    await see('the second attempt to open', () => a.story === 'open')
    dialing.cancel()
    for (let round = 0; round < 20; round++) await pair.settle()
    assert.is(a.story, 'open')
  },
}
