import { request as httpRequest, type IncomingMessage } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SCOPES, type Scope } from '../../src/security/token-lines.js'
import { Tokens } from '../../src/security/tokens.js'
import type { TallymeshServer } from '../../src/server.js'
import { ask, bearer, inServerLab, post, refusal } from '../lab.js'

const test = suite('access')

/** One token for each scope, and nothing else. */
const TOKENS = SCOPES.map(scope => `t-${scope} ${scope}`).join('\n')

/** What is shown in place of a token that is known. */
const STRANGERS: Array<[what: string, headers: Record<string, string>]> = [
  ['no token', {}],
  ['another scheme', { authorization: 'Basic dC1yZWFkOg==' }],
  ['a scheme without a token', { authorization: 'Bearer' }],
  ['two tokens', { authorization: 'Bearer t-read t-admin' }],
  ['a token without its scheme', { authorization: 't-admin' }],
  ['a wrong token', { authorization: 'Bearer t-admin2' }],
  ['the start of a token', { authorization: 'Bearer t-admi' }],
  ['an empty token', { authorization: 'Bearer ' }],
]

interface Head {
  readonly status: number
  readonly headers: IncomingMessage['headers']
}

/** The head of an answer; the rest may never end. */
function headOf(server: TallymeshServer, method: string, path: string, headers: Record<string, string>): Promise<Head> {
  return new Promise((resolve, reject) => {
    const body = method === 'POST' ? '{}' : undefined
    const type = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }
    const request = httpRequest(`${server.url}${path}`, { method, headers: { ...type, ...headers }, agent: false })
    const done = (response: IncomingMessage) => {
      resolve({ status: response.statusCode as number, headers: response.headers })
      response.destroy()
      request.destroy()
    }
    request.on('response', done).on('upgrade', done).on('error', reject)
    request.end(body)
  })
}

/** A path that the route takes. */
function pathOf(url: string): string {
  return url.replace(':key', 'orders').replace(':member', 'nobody').replace('*', 'swagger-ui.css')
}

test('every route asks for its scope, and for no other', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { tokens: Tokens.parse(TOKENS), origins: ['https://shop.example'] })
    assert.ok(server.routes.length > 15, `only ${server.routes.length} routes`)
    for (const { method, url, scope } of server.routes) {
      const what = `${method} ${url}`
      for (const [stranger, headers] of STRANGERS) {
        const { status, headers: answered } = await headOf(server, method, pathOf(url), headers)
        if (scope === 'open') assert.not([401, 403].includes(status), `${what} with ${stranger}: ${status}`)
        else {
          assert.is(status, 401, `${what} with ${stranger}`)
          assert.is(answered['www-authenticate'], 'Bearer', what)
        }
      }
      for (const shown of SCOPES) {
        const { status } = await headOf(server, method, pathOf(url), bearer(`t-${shown}`))
        const admitted = scope === 'open' || scope === shown
        assert.is(status === 403, !admitted, `${what}, which needs ${scope}, with the scope ${shown}: ${status}`)
        assert.is.not(status, 401, `${what} with the scope ${shown}`)
      }
    }
  })())

/** Scopes as the contract gives them: a route that changes its scope changes this table. */
const CONTRACT: Record<string, Scope | 'open'> = {
  'GET /v1/counters': 'read',
  'POST /v1/counters': 'write',
  'GET /v1/counters/:key': 'read',
  'POST /v1/counters/:key': 'write',
  'GET /v1/counters/:key/watch': 'read',
  'GET /v1/members': 'read',
  'DELETE /v1/members/:member': 'admin',
  'POST /v1/members/:member/leave': 'admin',
  'GET /v1/export': 'admin',
  'POST /v1/import': 'admin',
  'GET /metrics': 'read',
  'GET /livez': 'open',
  'GET /readyz': 'open',
  'GET /openapi.json': 'open',
}

test('the routes and their scopes are those of the contract', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    const own = server.routes.filter(({ url }) => !url.startsWith('/docs'))
    const found = Object.fromEntries(own.map(({ method, url, scope }) => [`${method} ${url}`, scope]))
    const heads = own.filter(({ method }) => method === 'HEAD')
    for (const { url, scope } of heads) {
      assert.is(scope, found[`GET ${url}`])
      delete found[`HEAD ${url}`]
    }
    assert.equal(found, CONTRACT)
    for (const { scope, url } of server.routes) if (url.startsWith('/docs')) assert.is(scope, 'open')
  })())

/** Every upgrade with the scope that it needs. */
const UPGRADES: Array<[path: string, scope: Scope]> = [
  ['/mesh', 'peer'],
  ['/', 'peer'],
  ['/yjs/lab', 'read'],
]

function upgradeHeaders(protocol?: string): Record<string, string> {
  return {
    ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
  }
}

test('every upgrade asks for its scope, and for no other', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { tokens: Tokens.parse(TOKENS) })
    for (const [path, scope] of UPGRADES) {
      for (const [stranger, headers] of STRANGERS) {
        const { status } = await headOf(server, 'GET', path, { ...upgradeHeaders(), ...headers })
        assert.is(status, 401, `${path} with ${stranger}`)
      }
      for (const shown of SCOPES) {
        const { status } = await headOf(server, 'GET', path, { ...upgradeHeaders(), ...bearer(`t-${shown}`) })
        assert.is(status, shown === scope ? 101 : 403, `${path} with the scope ${shown}`)
      }
    }
    const offered = (token: string) => upgradeHeaders(`tallymesh, bearer.${Buffer.from(token).toString('base64url')}`)
    assert.is((await headOf(server, 'GET', '/yjs/lab', offered('t-read'))).status, 101)
    assert.is((await headOf(server, 'GET', '/yjs/lab', offered('t-write'))).status, 403)
    assert.is((await headOf(server, 'GET', '/yjs/lab', offered('t-wrong'))).status, 401)
    assert.is((await headOf(server, 'GET', '/mesh', offered('t-peer'))).status, 401, 'a peer is a program')
    assert.is((await headOf(server, 'GET', '/nowhere', upgradeHeaders())).status, 404)
  })())

test('a browser may open the door from a listed origin only', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { origins: ['https://shop.example'] })
    const from = (origin: string) => headOf(server, 'GET', '/yjs/lab', { ...upgradeHeaders('tallymesh'), origin })
    assert.is((await from('https://shop.example')).status, 101)
    assert.is((await from('https://evil.example')).status, 403)
    const peer = await headOf(server, 'GET', '/mesh', { ...upgradeHeaders(), origin: 'https://shop.example' })
    assert.is(peer.status, 403)
  })())

test('a token in a URL is refused, wherever it is shown, and does not count as shown', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { tokens: Tokens.parse(TOKENS) })
    for (const name of ['token', 'access_token', 'api_key', 'Authorization', 'bearer']) {
      const answer = await ask(server, `/v1/members?${name}=t-read`, { headers: bearer('t-read') })
      assert.is(answer.status, 400)
      assert.match(String(answer.json.detail), /never in a URL/)
      assert.not.match(answer.text, /t-read/)
    }
    assert.is((await headOf(server, 'GET', '/mesh?token=t-peer', upgradeHeaders())).status, 400)
    assert.is((await headOf(server, 'GET', '/yjs/lab?token=t-read', upgradeHeaders())).status, 400)
  })())

test('tokens change while the server runs', () =>
  inServerLab(async lab => {
    const env = { list: 'old write' }
    const tokens = await Tokens.open(env)
    const server = await lab.start('a', { tokens })
    assert.is((await post(server, '/v1/counters/x', { add: 1 }, bearer('old'))).status, 200)
    assert.is((await post(server, '/v1/counters/x', { add: 1 }, bearer('new'))).status, 401)
    env.list = 'new write'
    await server.reload()
    assert.is((await post(server, '/v1/counters/x', { add: 1 }, bearer('old'))).status, 401)
    assert.is((await post(server, '/v1/counters/x', { add: 1 }, bearer('new'))).status, 200)
    env.list = 'broken'
    assert.is((await refusal(server.reload())).code, 'TOKENS_UNUSABLE')
    assert.is((await post(server, '/v1/counters/x', { add: 1 }, bearer('new'))).status, 200)
    assert.match((await ask(server, '/v1/counters/x')).text, /UNAUTHORIZED/)
  })())

test('without tokens only this machine may be served', async () => {
  await inServerLab(async lab => {
    for (const host of ['0.0.0.0', '::', '192.0.2.7', 'example.org', '[::]']) {
      const error = await refusal(lab.start('a', { listen: { host, port: 0 } }))
      assert.is(error.code, 'INVALID_OPTION')
      assert.match(error.message, /is not loopback: listen on 127.0.0.1, or give tokens/)
    }
    await lab.start('b', { listen: { host: 'localhost', port: 0 } })
    const server = await lab.start('c', { listen: { host: '0.0.0.0', port: 0 }, tokens: Tokens.parse('t read') })
    assert.equal(server.node.url, undefined)
  })()
})

test.run()
