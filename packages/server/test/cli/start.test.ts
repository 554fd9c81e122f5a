// deadline: 300 s
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endAll, RunningNode, type RunOptions, scratch, startArgs, tallymesh } from './cli-process.js'

const dir = scratch()
const start = suite('tallymesh start')

start.after(endAll)

async function refused(
  args: readonly string[],
  exit: number,
  message: RegExp,
  options: RunOptions = {},
): Promise<void> {
  const { code, out, err } = await tallymesh(args, options)
  assert.is(code, exit, out + err)
  assert.match(err, message)
  assert.is(err.split('\n').length, 2, `one line: ${err}`)
}

function file(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

start('refuses wrong settings before it does anything', async () => {
  const named = ['start', '--name', 'a', '--data', join(dir, 'never')]
  await refused(['start'], 2, /^tallymesh start: --name must name this node/)
  await refused(['start', '--name', 'a'], 2, /--data must name the data directory/)
  await refused([...named, '--listen', 'x'], 2, /--listen must be HOST:PORT, .*got "x"/)
  await refused([...named, '--listen', '127.0.0.1:70000'], 2, /got "127.0.0.1:70000"/)
  await refused([...named, '--peer', 'http://127.0.0.1:1'], 2, /--peer must be ws:/)
  await refused([...named, '--drain-ms', '1s'], 2, /--drain-ms must be an integer from 0 to 600000, got "1s"/)
  await refused(named, 2, /TALLYMESH_PEERS must be ws:/, { env: { TALLYMESH_PEERS: 'ws://a:1,b' } })
  await refused([...named, '--no-witness', '--runtime-dir', dir], 2, /exclude each other/)
  await refused([...named, '--advertise', 'none', '--advertise', 'ws://a:1'], 2, /--advertise none excludes addresses/)
  await refused([...named, '--tls-key', 'x'], 2, /--tls-cert and --tls-key must be given together/)
  await refused([...named, '--tls-cert', 'no.pem', '--tls-key', 'no.key'], 2, /no.pem cannot be read.*\(TLS_UNUSABLE\)/)
  await refused([...named, '--tokens-file', 'no.tokens'], 2, /no.tokens cannot be read.*\(TOKENS_UNUSABLE\)/)
  await refused([...named, '--listen', '0.0.0.0:0'], 2, /without tokens .*0.0.0.0 is not loopback/)
  await refused(['start', '--name', 'a\n', '--data', join(dir, 'never')], 2, /\(INVALID_NAME\)/)
})

start('refuses wrong files of settings', async () => {
  await refused(['start', '--config', 'no.json'], 2, /no.json cannot be read: it does not exist/)
  await refused(['start', '--config', dir], 2, /cannot be read: it is a directory/)
  await refused(['start', '--config', file('no.json', '{')], 2, /no.json is not JSON: /)
  await refused(['start', '--config', file('list.json', '[]')], 2, /list.json must hold one JSON object/)
  await refused(
    ['start', '--config', file('typo.json', '{"drianMs":1}')],
    2,
    /typo.json: "drianMs" is no setting; did you mean drainMs\?/,
  )
  await refused(['start'], 2, /wrong.json: drainMs must be .* \(a number\), got "1"/, {
    env: { TALLYMESH_CONFIG: file('wrong.json', '{"drainMs":"1"}') },
  })
})

start('takes settings from flags, environment and file, and logs each thing once', async () => {
  const config = file(
    'good.json',
    JSON.stringify({ name: 'file', data: join(dir, 'a'), room: 'file-room', logLevel: 'debug' }),
  )
  const env = { TALLYMESH_CONFIG: config, TALLYMESH_ROOM: 'shop', TALLYMESH_NAME: 'env', TALLYMESH_LISTN: 'x' }
  const node = await RunningNode.start('a', dir, [], { env })
  assert.is((await node.run(['add', 'orders'])).out, '1\n')
  const ran = await node.stop()
  assert.equal([ran.code, ran.err], [0, ''])
  const lines = ran.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.ok(lines.every(line => line.node === 'a' && line.pid > 0 && line.time > 0))
  const events = lines.map(({ event }) => event)
  for (const event of ['opening', 'listening', 'ready', 'closing', 'closed']) {
    assert.is(events.filter(each => each === event).length, 1, `${event} in ${events}`)
  }
  const opening = lines.find(({ event }) => event === 'opening')
  assert.equal([opening.room, opening.dir], ['shop', join(dir, 'a')])
  assert.match(lines.find(({ event }) => event === 'listening').msg, /no tokens: loopback only; no TLS/)
  assert.match(
    lines.find(({ event }) => event === 'warning').msg,
    /TALLYMESH_LISTN is not known; did you mean TALLYMESH_LISTEN\?/,
  )
})

start('says whose directory it is, and that it is in use or damaged', async () => {
  const node = await RunningNode.start('b', dir, ['--room', 'shop'])
  await refused(startArgs('b', dir), 6, /is open already.*\(STORE_LOCKED\)/)
  const port = new URL(node.url).host
  await refused(
    [...startArgs('c', dir), '--listen', port],
    1,
    /cannot listen on .*another program listens there.*\(LISTEN_FAILED\)/,
  )
  await node.stop()
  await refused([...startArgs('b', dir), '--room', 'bank'], 6, /\(STORE_WRONG_ROOM\)/)
  await refused(startArgs('x', file('plain', '')), 6, /\(STORE_UNUSABLE\)/)
  mkdirSync(join(dir, 'photos'))
  file('photos/cat.jpg', 'meow')
  await refused(startArgs('photos', dir), 6, /\(STORE_UNUSABLE\)/)
})

start('logs text where it is asked to, or nothing', async () => {
  const pretty = await RunningNode.start('p', dir, ['--log-format', 'pretty'])
  assert.match((await pretty.stop()).out, /^\[\d\d:\d\d:\d\d\.\d+\] INFO: tallymesh .* opens/m)
  assert.is((await tallymesh([...startArgs('p', dir), '--log-level', 'silent', '--listen', 'x'])).out, '')
})

start.run()
