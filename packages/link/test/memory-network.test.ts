import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryNetwork } from '../src/index.js'
import { SuiteNode } from '../src/suite.js'
import { throwsCode } from './samples.js'

function nodes(...names: string[]): { network: MemoryNetwork; of: (name: string) => SuiteNode } {
  const network = new MemoryNetwork()
  const all = new Map(names.map(name => [name, new SuiteNode(name)]))
  const of = (name: string) => all.get(name) as SuiteNode
  for (const name of names) network.join(name, { handshake: of(name), events: of(name) })
  return { network, of }
}

test('nothing happens before a delivery', () => {
  const { network, of } = nodes('a', 'b')
  network.connect('a', 'b')
  assert.equal([of('a').story, of('b').story], ['', ''])
  let steps = 0
  while (network.deliver()) steps++
  assert.is(steps, 4)
  assert.equal([of('a').story, of('b').story], ['open', 'open'])
})

test('the caller picks what happens next, and order holds within a direction', () => {
  const { network, of } = nodes('a', 'b')
  network.connect('a', 'b')
  network.deliverAll()
  for (let i = 0; i < 50; i++) {
    of('a').link.send(16, Uint8Array.of(i))
    of('b').link.send(16, Uint8Array.of(i))
  }
  let turn = 7
  network.deliverAll(count => {
    turn = (turn * 48_271) % 2_147_483_647
    return turn % count
  })
  for (const name of ['a', 'b']) {
    assert.equal(
      of(name).frames.map(({ body }) => body[0]),
      Array.from({ length: 50 }, (_, i) => i),
    )
  }
})

test('a node that is not there, or is cut off, cannot be reached until it is healed', () => {
  const { network, of } = nodes('a', 'b')
  network.connect('a', 'nobody')
  network.cut('b', 'a')
  network.connect('a', 'b')
  network.deliverAll()
  assert.is(of('a').story, 'refused refused')
  assert.is(of('a').reason?.code, 'LINK_FAILED')
  network.heal('a', 'b')
  network.connect('a', 'b')
  network.deliverAll()
  assert.is(of('b').story, 'open')
})

test('a cut loses what is on its way and breaks the link for both', () => {
  const { network, of } = nodes('a', 'b', 'c')
  network.connect('a', 'c')
  network.deliverAll()
  network.connect('a', 'b')
  network.deliverAll()
  of('a').link.send(16, Uint8Array.of(1))
  network.cut('a', 'b')
  network.deliverAll()
  assert.equal([of('a').story, of('b').story, of('c').story], ['open open closed', 'open closed', 'open'])
  assert.equal([of('a').reason?.code, of('b').reason?.code], ['LINK_FAILED', 'LINK_FAILED'])
})

test('a stall holds one direction, and a close ends the nearer side all the same', () => {
  const { network, of } = nodes('a', 'b')
  network.connect('a', 'b')
  network.deliverAll()
  network.stall('a', 'b')
  of('a').link.send(16, Uint8Array.of(1))
  of('b').link.send(16, Uint8Array.of(1))
  network.deliverAll()
  assert.equal([of('a').story, of('b').story], ['open frame', 'open'])
  assert.is(of('a').link.queuedBytes, 6)
  of('a').link.close()
  network.deliverAll()
  assert.equal([of('a').story, of('b').story], ['open frame closed', 'open'])
  of('b').link.close()
  network.deliverAll()
  assert.is(of('b').story, 'open closed')
})

test('a node that leaves hears nothing more, and comes back as another', () => {
  const { network, of } = nodes('a', 'b')
  network.connect('a', 'b')
  network.deliverAll()
  const zombie = of('b').link
  network.leave('b')
  zombie.send(16, Uint8Array.of(1))
  network.deliverAll()
  zombie.close()
  network.deliverAll()
  assert.equal([of('a').story, of('b').story], ['open closed', 'open'])
  const again = new SuiteNode('b')
  network.join('b', { handshake: again, events: again })
  network.connect('a', 'b')
  network.deliverAll()
  assert.is(again.story, 'open')
})

test('a handshake that is held up can be ended as by its time limit', () => {
  const { network, of } = nodes('a', 'b')
  network.stall('b', 'a')
  network.connect('a', 'b')
  network.deliverAll()
  assert.equal([of('a').story, of('b').story], ['', 'open'])
  network.expireHandshakes()
  network.deliverAll()
  assert.equal([of('a').story, of('b').story], ['refused', 'open closed'])
  assert.is(of('b').reason?.code, 'LINK_FAILED')
})

test('names are taken once, and a stranger cannot dial', () => {
  const { network, of } = nodes('a')
  throwsCode(() => network.join('a', { handshake: of('a'), events: of('a') }), 'INVALID_OPTION')
  throwsCode(() => network.connect('x', 'a'), 'INVALID_OPTION')
})

test('a node that dials itself meets its own instance', () => {
  const { network, of } = nodes('a')
  network.connect('a', 'a')
  network.deliverAll()
  assert.is(of('a').story, 'open open')
  assert.is(of('a').link.peer.instance, of('a').hello().instance)
})

test.run()
