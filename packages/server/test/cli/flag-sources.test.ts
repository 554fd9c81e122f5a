import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/cli/exit-code.js'
import { defaulted, flagName, list, optional, toggle } from '../../src/cli/flag.js'
import { integer, peerAddress, text } from '../../src/cli/flag-kind.js'
import { readFlags, type Sources, strayVariables } from '../../src/cli/flag-sources.js'

const FLAGS = {
  name: optional(text('NAME', 8), { meaning: 'a name', env: 'TALLYMESH_NAME' }),
  drainMs: defaulted(integer('MS', 0, 100), '50', { meaning: 'a time', env: 'TALLYMESH_DRAIN_MS' }),
  peer: list(peerAddress, { meaning: 'peers', env: 'TALLYMESH_PEERS' }),
  noWitness: toggle({ meaning: 'none', env: 'TALLYMESH_NO_WITNESS' }),
  config: optional(text('FILE'), { meaning: 'a file' }),
}

function read(given: { typed?: Record<string, string[]>; env?: Sources['env']; file?: Record<string, unknown> }) {
  return readFlags(FLAGS, {
    typed: new Map(Object.entries(given.typed ?? {})),
    env: given.env ?? {},
    file: given.file && { path: 'room.json', settings: new Map(Object.entries(given.file)) },
  })
}

function refusal(given: Parameters<typeof read>[0]): string {
  try {
    read(given)
  } catch (error) {
    if (error instanceof CommandError && error.exit === 2) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

const sources = suite('settings')

sources('stand in flag, environment, file and default, in this order', () => {
  const all = { typed: { drainMs: ['1'] }, env: { TALLYMESH_DRAIN_MS: '2' }, file: { drainMs: 3 } }
  assert.is(read(all).drainMs, 1)
  assert.is(read({ ...all, typed: {} }).drainMs, 2)
  assert.is(read({ file: all.file }).drainMs, 3)
  assert.is(read({}).drainMs, 50)
  assert.is(read({ env: { TALLYMESH_DRAIN_MS: '' } }).drainMs, 50)
  assert.is(read({}).name, undefined)
  assert.is(read({ typed: { name: ['a', 'b'] } }).name, 'b')
})

sources('take lists from repeated flags, commas, and arrays', () => {
  const both = ['ws://a:1', 'ws://b:2']
  assert.equal(read({}).peer, [])
  assert.equal(read({ typed: { peer: both } }).peer, both)
  assert.equal(read({ typed: { peer: ['ws://a:1, ws://b:2,'] } }).peer, both)
  assert.equal(read({ env: { TALLYMESH_PEERS: 'ws://a:1,ws://b:2' } }).peer, both)
  assert.equal(read({ file: { peer: both } }).peer, both)
  assert.equal(read({ file: { peer: 'ws://a:1' } }).peer, ['ws://a:1'])
})

sources('take switches', () => {
  assert.is(read({}).noWitness, false)
  assert.is(read({ typed: { noWitness: [] } }).noWitness, true)
  assert.is(read({ env: { TALLYMESH_NO_WITNESS: 'yes' } }).noWitness, true)
  assert.is(read({ env: { TALLYMESH_NO_WITNESS: '0' } }).noWitness, false)
  assert.is(read({ file: { noWitness: true } }).noWitness, true)
})

sources('are refused with their place, what they must be, and what they are', () => {
  assert.is(refusal({ typed: { drainMs: ['x'] } }), '--drain-ms must be an integer from 0 to 100, got "x"')
  assert.is(
    refusal({ env: { TALLYMESH_DRAIN_MS: '101' } }),
    'TALLYMESH_DRAIN_MS must be an integer from 0 to 100, got "101"',
  )
  assert.is(
    refusal({ file: { drainMs: '5' } }),
    'room.json: drainMs must be an integer from 0 to 100 (a number), got "5"',
  )
  assert.match(refusal({ file: { drainMs: null } }), /got null$/)
  assert.match(refusal({ file: { peer: [1] } }), /^room.json: peer must be ws:.* got 1$/)
  assert.match(refusal({ env: { TALLYMESH_NO_WITNESS: 'perhaps' } }), /must be true or false, got "perhaps"$/)
  assert.is(refusal({ file: { drianMs: 1 } }), 'room.json: "drianMs" is no setting; did you mean drainMs?')
  assert.is(refusal({ file: { config: 'x' } }), 'room.json: "config" is no setting')
})

sources('do not show what may hold a password, nor all of a long text', () => {
  assert.match(refusal({ typed: { peer: ['ws://user:secret@host:1'] } }), /got a text with "@"$/)
  assert.ok(refusal({ typed: { peer: ['x'.repeat(1_000)] } }).length < 250)
})

sources('know a misspelled variable from those of others', () => {
  const env = { TALLYMESH_NMAE: 'a', TALLYMESH_NAME: 'a', TALLYMESH_PORT_7001_TCP_ADDR: '10.0.0.1', PATH: '/bin' }
  assert.equal(strayVariables(FLAGS, env, []), [
    'the environment variable TALLYMESH_NMAE is not known; did you mean TALLYMESH_NAME?',
  ])
  assert.equal(strayVariables(FLAGS, { TALLYMESH_TOKEN: 'x' }, ['TALLYMESH_TOKEN']), [])
  assert.is(flagName('readyBehindMax'), '--ready-behind-max')
})

sources.run()
