import { once } from 'node:events'
import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import type { TallymeshNode } from '../src/node.js'
import { checkTokenOption, TokenGate, type TokenPolicy, type TokenScope } from '../src/token-policy.js'
import { inLab, meshed } from './lab.js'
import { thrown, until, within } from './wait.js'

const policy = suite('token-policy')

/** A policy whose answers a test changes. */
class Tokens implements TokenPolicy {
  shown: string | undefined
  readonly good = new Map<string, readonly TokenScope[]>()

  constructor(shown: string | undefined, good: Readonly<Record<string, readonly TokenScope[]>> = {}) {
    this.shown = shown
    for (const [token, scopes] of Object.entries(good)) this.good.set(token, scopes)
  }

  readonly own = () => this.shown
  readonly admits = (token: string | undefined, scope: TokenScope) =>
    this.good.get(token ?? '')?.includes(scope) ?? false
}

function look(node: TallymeshNode, token: string): WebSocket {
  const headers = { authorization: `Bearer ${token}` }
  const client = new WebSocket(`${(node.url as string).replace(/\/$/, '')}/yjs/lab`, { headers })
  client.on('error', () => {})
  return client
}

/** The HTTP status of an attempt to look. */
async function looked(node: TallymeshNode, token: string): Promise<number> {
  const client = look(node, token)
  const answer = Promise.race([
    once(client, 'open').then(() => 101),
    once(client, 'unexpected-response').then(([, response]) => response.statusCode as number),
  ])
  try {
    return await within('the door answers', answer)
  } finally {
    client.terminate()
  }
}

policy('is a text for everything, or two functions', () => {
  const one = checkTokenOption('s3cret')
  assert.is(one?.own(), 's3cret')
  for (const scope of ['peer', 'read'] as const) {
    assert.ok(one?.admits('s3cret', scope))
    for (const token of ['wrong', '', undefined]) assert.not.ok(one?.admits(token, scope))
  }
  assert.is(checkTokenOption(undefined), undefined)
  const own = new Tokens(undefined)
  assert.is(checkTokenOption(own), own)
  for (const token of ['', 7, null, {}, { own: () => 'x' }, { own: 'x', admits: () => true }, 'two words']) {
    assert.is(thrown(() => checkTokenOption(token)).code, 'INVALID_OPTION')
  }
})

policy('that throws admits nobody, and is reported once until it answers again, without what it threw', () => {
  const reports: TallymeshError[] = []
  let broken = true
  const fail = () => {
    if (broken) throw new Error('no such token: s3cret')
    return true
  }
  const gate = new TokenGate({ own: () => (fail() ? 'x' : undefined), admits: fail }, error => reports.push(error))
  assert.equal([gate.admits('s3cret', 'peer'), gate.admits(undefined, 'read'), gate.own()], [false, false, undefined])
  assert.equal(
    reports.map(({ code }) => code),
    ['UNAUTHORIZED'],
  )
  assert.instance(reports[0], TallymeshError)
  assert.not.match(`${reports[0]?.stack} ${String(reports[0]?.cause)}`, /s3cret/)
  broken = false
  assert.equal([gate.admits('s3cret', 'peer'), gate.own()], [true, 'x'])
  broken = true
  gate.own()
  assert.is(reports.length, 2)
  assert.ok(new TokenGate(undefined, error => reports.push(error)).admits(undefined, 'peer'))
  const yes = { own: () => undefined, admits: () => 'yes' as unknown as boolean }
  assert.not.ok(new TokenGate(yes, error => reports.push(error)).admits('x', 'peer'), 'only true admits')
})

policy(
  'is asked anew at each dial and each upgrade, so that tokens change without a restart',
  inLab(async lab => {
    const tokensA = new Tokens('old', { old: ['peer', 'read'] })
    const tokensB = new Tokens('old', { old: ['peer'] })
    const a = await lab.memory('a', { listen: { port: 0 }, token: tokensA })
    const b = await lab.memory('b', { peers: [a.url as string], token: tokensB })
    await meshed(a, b)
    const client = look(a, 'old')
    await within('the client is in', once(client, 'open'))
    // New tokens are admitted everywhere first, then shown, then the old ones end.
    tokensA.good.set('new', ['peer', 'read'])
    a.recheckTokens()
    tokensB.shown = 'new'
    const fresh = look(a, 'new')
    await within('a client with the new token is in', once(fresh, 'open'))
    assert.is(a.stats.links, 1)
    const away = once(client, 'close')
    tokensA.good.delete('old')
    assert.is(a.stats.links, 1, 'nothing is closed until it is asked for')
    a.recheckTokens()
    const [code, text] = await within('the old client is sent away', away)
    assert.equal([code, String(text)], [1008, 'the token is not valid any more'])
    await until('the old link ended', () => lab.codes(b).includes('UNAUTHORIZED'))
    await meshed(a, b)
    a.recheckTokens()
    await b.counter('k').increment(1, { replicas: 2 })
    assert.is(fresh.readyState, WebSocket.OPEN)
    assert.is(await looked(a, 'old'), 401)
    assert.equal(lab.codes(b), ['UNAUTHORIZED'])
    for (const node of [a, b]) {
      for (const { message } of lab.told(node).errors) assert.not.match(message, /\bold\b|\bnew\b/)
    }
    fresh.terminate()
  }),
)

policy(
  'keeps peers and readers apart',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 }, token: new Tokens(undefined, { r: ['read'], p: ['peer'] }) })
    assert.equal([await looked(a, 'r'), await looked(a, 'p'), await looked(a, 'x')], [101, 401, 401])
    const reader = await lab.memory('b', { peers: [a.url as string], token: new Tokens('r') })
    await until('a reader is no peer', () => lab.codes(reader).includes('UNAUTHORIZED'))
    const peer = await lab.memory('c', { peers: [a.url as string], token: new Tokens('p') })
    await meshed(a, peer)
    assert.is(reader.stats.links, 0)
  }),
)

policy(
  'that shows what no header takes is reported, and asked again at the next dial',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 }, token: new Tokens(undefined, { good: ['peer'] }) })
    const tokens = new Tokens('s3cret\r\nX: y')
    const b = await lab.memory('b', { peers: [a.url as string], token: tokens })
    await until('it is reported', () => lab.codes(b).length === 1)
    assert.equal(lab.codes(b), ['INVALID_OPTION'])
    assert.not.match(lab.told(b).errors[0]?.message ?? '', /s3cret/)
    tokens.shown = 'good'
    await meshed(a, b)
  }),
)

policy.run()
