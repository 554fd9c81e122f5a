import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dialWs, FRAME_HEADER_BYTES, FRAME_HELLO, FRAME_REFUSAL, Traffic } from '../src/index.js'
import { SuiteNode, until } from '../src/suite.js'
import { listen, turn } from './ws-node.js'

const suiteOfTraffic = suite('traffic')

suiteOfTraffic('counts by direction and kind', () => {
  const traffic = new Traffic()
  assert.equal(traffic.counts(), [])
  traffic.count('received', 19, 5)
  traffic.count('sent', 17, 100)
  traffic.count('sent', 17, 200)
  traffic.count('sent', 1, 10)
  const counts = traffic.counts()
  assert.equal(counts, [
    { direction: 'sent', kind: 1, frames: 1, bytes: 10 },
    { direction: 'sent', kind: 17, frames: 2, bytes: 300 },
    { direction: 'received', kind: 19, frames: 1, bytes: 5 },
  ])
  traffic.count('sent', 1, 10)
  assert.is(counts[0]?.frames, 1, 'what was answered does not change')
})

suiteOfTraffic('counts what links send and receive, the same on both sides', async () => {
  const [a, b] = [new SuiteNode('a'), new SuiteNode('b')]
  const [sent, received] = [new Traffic(), new Traffic()]
  const listener = await listen(b, { traffic: received })
  try {
    dialWs(listener.url, { handshake: a, events: a, traffic: sent })
    await until('the link', () => a.story === 'open' && b.story === 'open', turn)
    for (let i = 0; i < 3; i++) a.link.send(20, new Uint8Array(10))
    await until('the frames', () => b.frames.length === 3, turn)
    b.judge = () => undefined
    await listener.acceptor.close()
    await until('the end', () => a.over, turn)
  } finally {
    await listener.close()
  }
  const three = { kind: 20, frames: 3, bytes: 3 * (FRAME_HEADER_BYTES + 10) }
  assert.equal(
    sent.counts().find(({ kind }) => kind === 20),
    { direction: 'sent', ...three },
  )
  assert.equal(
    received.counts().find(({ kind }) => kind === 20),
    { direction: 'received', ...three },
  )
  for (const traffic of [sent, received]) {
    const hellos = traffic.counts().filter(({ kind }) => kind === FRAME_HELLO)
    assert.equal(
      hellos.map(({ direction, frames }) => `${direction} ${frames}`),
      ['sent 1', 'received 1'],
    )
  }
})

suiteOfTraffic('counts a refusal', async () => {
  const [a, b] = [new SuiteNode('a'), new SuiteNode('b', { room: 'other' })]
  const [sent, received] = [new Traffic(), new Traffic()]
  const listener = await listen(b, { traffic: received })
  try {
    dialWs(listener.url, { handshake: a, events: a, traffic: sent })
    await until('both ends', () => a.over && b.over, turn)
  } finally {
    await listener.close()
  }
  const refusals = [...sent.counts(), ...received.counts()].filter(({ kind }) => kind === FRAME_REFUSAL)
  assert.ok(refusals.length > 0)
})

suiteOfTraffic.run()
