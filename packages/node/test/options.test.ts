import { resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkOptions, type NodeOptions } from '../src/options.js'
import { thrown } from './wait.js'

const options = suite('options')
const NODE: NodeOptions = { name: 'api-1', dataDir: 'data/api-1' }

options('completes what is left out', () => {
  assert.equal(checkOptions(NODE), {
    ...{ name: 'api-1', dataDir: resolve('data/api-1'), room: 'default' },
    ...{ listen: undefined, reachable: false, origins: [], advertise: undefined, peers: [], token: undefined },
    ...{ tls: undefined, runtimeDir: undefined, repair: false, batchVersion: 1 },
    ...{ heartbeatMs: 500, antiEntropyMs: 2_000, replicasTimeoutMs: 5_000, closeTimeoutMs: 2_000 },
    ...{ retryWindowMs: 600_000, operationsMax: 500_000, foldAfterMs: 60_000, foldGraceMs: 86_400_000 },
  })
})

options('brings addresses into their one form, each once', () => {
  const { peers, advertise, listen, origins } = checkOptions({
    ...NODE,
    listen: { port: 0, host: '::1', advertise: ['ws://Api-1:7001'], origins: ['https://example.org'] },
    peers: ['ws://API-2:7001', 'ws://api-2:7001/mesh', 'wss://api-3'],
  })
  assert.equal(peers, ['ws://api-2:7001/', 'wss://api-3:443/'])
  assert.equal(advertise, ['ws://api-1:7001/'])
  assert.equal(listen, { host: '::1', port: 0 })
  assert.equal(origins, ['https://example.org'])
})

options('takes names for seeds, certificates, and a server of the caller', () => {
  const tls = () => ({})
  const given = { peers: ['dns:Room.test:7001', 'DNS:room.test:7001', 'ws://a:1'], tls }
  const settings = checkOptions({ ...NODE, ...given, listen: { advertise: ['wss://a'] } })
  assert.equal(settings.peers, ['dns:room.test:7001', 'ws://a:1/'])
  assert.is(settings.tls, tls)
  assert.equal([settings.listen, settings.reachable, settings.advertise], [undefined, true, ['wss://a:443/']])
  assert.equal(checkOptions({ ...NODE, listen: { advertise: [], origins: ['null'] } }).origins, ['null'])
})

options('keeps what is given', () => {
  const settings = checkOptions({ ...NODE, runtimeDir: false, repair: true, closeTimeoutMs: 0, token: 's3cret' })
  assert.is(settings.runtimeDir, false)
  assert.is(settings.repair, true)
  assert.is(settings.closeTimeoutMs, 0)
  assert.is(settings.token?.own(), 's3cret')
  assert.is(checkOptions({ ...NODE, runtimeDir: '/run/x' }).runtimeDir, '/run/x')
})

const refused: ReadonlyArray<readonly [string, unknown, string, RegExp]> = [
  ['no object', undefined, 'INVALID_OPTION', /takes an object/],
  ['null', null, 'INVALID_OPTION', /takes an object/],
  ['a typing error', { ...NODE, peer: [] }, 'INVALID_OPTION', /no option peer; it knows name, /],
  ['no name', { dataDir: 'x' }, 'INVALID_NAME', /node name/],
  ['a name with a line break', { ...NODE, name: 'a\nb' }, 'INVALID_NAME', /U\+000A/],
  ['an empty room', { ...NODE, room: '' }, 'INVALID_NAME', /room name/],
  ['no directory', { name: 'a' }, 'INVALID_OPTION', /dataDir .* got undefined/],
  ['an object for a directory', { name: 'a', dataDir: {} }, 'INVALID_OPTION', /got an object/],
  ['a directory with a NUL', { name: 'a', dataDir: 'a\0b' }, 'INVALID_OPTION', /dataDir/],
  ['an empty token', { ...NODE, token: '' }, 'INVALID_OPTION', /token/],
  ['a token with a space', { ...NODE, token: 'a b' }, 'INVALID_OPTION', /token/],
  ['a token that is no text', { ...NODE, token: 7 }, 'INVALID_OPTION', /token/],
  ['a runtime directory that is none', { ...NODE, runtimeDir: '' }, 'INVALID_OPTION', /runtimeDir/],
  ['runtimeDir: true', { ...NODE, runtimeDir: true }, 'INVALID_OPTION', /runtimeDir/],
  ['repair that is no flag', { ...NODE, repair: 'yes' }, 'INVALID_OPTION', /repair must be true or false, got "yes"/],
  ['a heartbeat too short', { ...NODE, heartbeatMs: 9 }, 'INVALID_OPTION', /heartbeatMs .* 10 to 60000, got 9/],
  ['a time as a bigint', { ...NODE, antiEntropyMs: 10n }, 'INVALID_OPTION', /antiEntropyMs/],
  ['no time for replicas', { ...NODE, replicasTimeoutMs: 0 }, 'INVALID_OPTION', /replicasTimeoutMs/],
  ['a negative time', { ...NODE, closeTimeoutMs: -1 }, 'INVALID_OPTION', /closeTimeoutMs/],
  ['peers that are no list', { ...NODE, peers: 'ws://a:1' }, 'INVALID_OPTION', /peers must be a list/],
  ['a peer with another protocol', { ...NODE, peers: ['http://a:1'] }, 'INVALID_URL', /ws:\/\//],
  ['a peer that is no text', { ...NODE, peers: [7] }, 'INVALID_URL', /ws:\/\//],
  ['listen: null', { ...NODE, listen: null }, 'INVALID_OPTION', /listen must be an object/],
  ['listen: 0', { ...NODE, listen: 0 }, 'INVALID_OPTION', /listen must be an object/],
  ['listen with a typing error', { ...NODE, listen: { port: 1, orgins: [] } }, 'INVALID_OPTION', /no option orgins/],
  ['a name without a port', { ...NODE, peers: ['dns:a'] }, 'INVALID_URL', /dns:NAME:PORT/],
  ['certificates that are no function', { ...NODE, tls: { ca: 'x' } }, 'INVALID_OPTION', /tls must be a function/],
  ['half a token policy', { ...NODE, token: { own: () => 'x' } }, 'INVALID_OPTION', /functions own and admits/],
  ['a host without a port', { ...NODE, listen: { host: 'a', advertise: [] } }, 'INVALID_OPTION', /listen.port/],
  ['no port', { ...NODE, listen: {} }, 'INVALID_OPTION', /listen.port/],
  ['a port too high', { ...NODE, listen: { port: 65_536 } }, 'INVALID_OPTION', /listen.port .* got 65536/],
  ['an empty host', { ...NODE, listen: { port: 1, host: '' } }, 'INVALID_OPTION', /listen.host/],
  ['origins that are no list', { ...NODE, listen: { port: 1, origins: '*' } }, 'INVALID_OPTION', /listen.origins/],
  ['origins that are no texts', { ...NODE, listen: { port: 1, origins: [1] } }, 'INVALID_OPTION', /listen.origins/],
  ['an address that is no list', { ...NODE, listen: { port: 1, advertise: 'ws://a' } }, 'INVALID_OPTION', /advertise/],
  [
    'more addresses than a hello takes',
    { ...NODE, listen: { port: 1, advertise: new Array(9).fill('ws://a:1') } },
    'INVALID_OPTION',
    /at most 8/,
  ],
  ['an address that is none', { ...NODE, listen: { port: 1, advertise: ['a:1'] } }, 'INVALID_URL', /ws:\/\//],
]
for (const [what, given, code, message] of refused) {
  options(`refuses ${what}`, () => {
    const error = thrown(() => checkOptions(given as NodeOptions))
    assert.is(error.code, code)
    assert.match(error.message, message)
  })
}

options.run()
