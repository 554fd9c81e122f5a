import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NodeEmitter } from '../src/events.js'
import { turn } from './wait.js'

const events = suite('events')

function failure(text: string): TallymeshError {
  return new TallymeshError('LINK_FAILED', text)
}

events('call listeners later, in order, until they are taken off', async () => {
  const emitter = new NodeEmitter()
  const heard: string[] = []
  const listener = (status: string) => heard.push(status)
  emitter.emit('status', 'opening')
  emitter.on('status', listener)
  emitter.emit('status', 'ready')
  emitter.emit('status', 'draining')
  assert.equal(heard, [])
  await turn()
  assert.equal(heard, ['ready', 'draining'])
  emitter.emit('status', 'closed')
  emitter.off('status', listener)
  await turn()
  assert.equal(heard, ['ready', 'draining'])
})

events('keep errors for the first listener, a hundred at most, and drop those without one later', async () => {
  const emitter = new NodeEmitter()
  for (let i = 0; i < 150; i++) emitter.emit('error', failure(String(i)))
  const heard: string[] = []
  const listener = ({ message }: TallymeshError) => heard.push(message)
  emitter.on('error', listener)
  emitter.emit('error', failure('last'))
  await turn()
  assert.is(heard.length, 101)
  assert.is(heard[0], '0')
  assert.is(heard.at(-1), 'last')
  emitter.off('error', listener)
  emitter.emit('error', failure('unheard'))
  emitter.on('error', listener)
  await turn()
  assert.is(heard.length, 101)
})

events('let a listener throw on its own', async () => {
  const emitter = new NodeEmitter()
  emitter.on('error', () => {
    throw new Error('of the listener')
  })
  const uncaught = new Promise<Error>(resolve => process.once('uncaughtException', resolve))
  emitter.emit('error', failure('x'))
  assert.is((await uncaught).message, 'of the listener')
})

events.run()
