import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ServerLab } from '../lab.js'
import { endAll, RunningNode, scratch, startArgs, tallymesh } from './cli-process.js'
import { commandsOf, tallymeshLines } from './command-line.js'

const dir = scratch()
const start = suite('tallymesh start')

start.after(endAll)

/** What is typed, its exit code, its message, and what stands in the environment. */
type Refusal = readonly [args: readonly string[], exit: number, message: RegExp, env?: NodeJS.ProcessEnv]

async function refused(...refusals: readonly Refusal[]): Promise<void> {
  const runs = await tallymeshLines(refusals.map(([args, , , env = {}]) => ({ args, env })))
  for (const [at, { code, out, err }] of runs.entries()) {
    const [args, exit, message] = refusals[at] as Refusal
    assert.is(code, exit, `${args.join(' ')}: ${out}${err}`)
    assert.match(err, message)
    assert.is(err.split('\n').length, 2, `one line: ${err}`)
  }
}

function file(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

start('refuses wrong settings before it does anything', async () => {
  const named = ['start', '--name', 'a', '--data', join(dir, 'never')]
  await refused(
    [['start'], 2, /^tallymesh start: --name must name this node/],
    [['start', '--name', 'a'], 2, /--data must name the data directory/],
    [[...named, '--listen', 'x'], 2, /--listen must be HOST:PORT, .*got "x"/],
    [[...named, '--listen', '127.0.0.1:70000'], 2, /got "127.0.0.1:70000"/],
    [[...named, '--peer', 'http://127.0.0.1:1'], 2, /--peer must be ws:/],
    [[...named, '--drain-ms', '1s'], 2, /--drain-ms must be an integer from 0 to 600000, got "1s"/],
    [named, 2, /TALLYMESH_PEERS must be ws:/, { TALLYMESH_PEERS: 'ws://a:1,b' }],
    [[...named, '--no-witness', '--runtime-dir', dir], 2, /exclude each other/],
    [[...named, '--advertise', 'none', '--advertise', 'ws://a:1'], 2, /--advertise none excludes addresses/],
    [[...named, '--tls-key', 'x'], 2, /--tls-cert and --tls-key must be given together/],
    [[...named, '--tls-cert', 'no.pem', '--tls-key', 'no.key'], 2, /no.pem cannot be read.*\(TLS_UNUSABLE\)/],
    [[...named, '--tokens-file', 'no.tokens'], 2, /no.tokens cannot be read.*\(TOKENS_UNUSABLE\)/],
    [[...named, '--listen', '0.0.0.0:0'], 2, /without tokens .*0.0.0.0 is not loopback/],
    [['start', '--name', 'a\n', '--data', join(dir, 'never')], 2, /\(INVALID_NAME\)/],
  )
  assert.is(existsSync(join(dir, 'never')), false)
})

start('refuses wrong files of settings', async () => {
  await refused(
    [['start', '--config', 'no.json'], 2, /no.json cannot be read: it does not exist/],
    [['start', '--config', dir], 2, /cannot be read: it is a directory/],
    [['start', '--config', file('no.json', '{')], 2, /no.json is not JSON: /],
    [['start', '--config', file('list.json', '[]')], 2, /list.json must hold one JSON object/],
    [
      ['start', '--config', file('typo.json', '{"drianMs":1}')],
      2,
      /typo.json: "drianMs" is no setting; did you mean drainMs\?/,
    ],
    [
      ['start'],
      2,
      /wrong.json: drainMs must be .* \(a number\), got "1"/,
      { TALLYMESH_CONFIG: file('wrong.json', '{"drainMs":"1"}') },
    ],
  )
})

start('takes settings from flags, environment and file, and logs each thing once', async () => {
  const config = file(
    'good.json',
    JSON.stringify({ name: 'file', data: join(dir, 'a'), room: 'file-room', logLevel: 'debug' }),
  )
  const env = { TALLYMESH_CONFIG: config, TALLYMESH_ROOM: 'shop', TALLYMESH_NAME: 'env', TALLYMESH_LISTN: 'x' }
  const node = await RunningNode.start('a', dir, [], { env })
  assert.is((await commandsOf(() => node)(['add', 'orders'])).out, '1\n')
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
  const lab = new ServerLab()
  try {
    const node = await lab.start('b', { room: 'shop' })
    await refused(
      [startArgs('b', lab.path), 6, /is open already.*\(STORE_LOCKED\)/],
      [
        [...startArgs('c', lab.path), '--listen', new URL(node.url).host],
        1,
        /cannot listen on .*another program listens there.*\(LISTEN_FAILED\)/,
      ],
    )
    await node.close()
    writeFileSync(join(lab.path, 'plain'), '')
    mkdirSync(join(lab.path, 'photos'))
    writeFileSync(join(lab.path, 'photos', 'cat.jpg'), 'meow')
    await refused(
      [[...startArgs('b', lab.path), '--room', 'bank'], 6, /\(STORE_WRONG_ROOM\)/],
      [startArgs('x', join(lab.path, 'plain')), 6, /\(STORE_UNUSABLE\)/],
      [startArgs('photos', lab.path), 6, /\(STORE_UNUSABLE\)/],
    )
  } finally {
    await lab.close()
  }
})

start('logs text where it is asked to, or nothing', async () => {
  const pretty = await RunningNode.start('p', dir, ['--log-format', 'pretty'])
  assert.match((await pretty.stop()).out, /^\[\d\d:\d\d:\d\d\.\d+\] INFO: tallymesh .* opens/m)
  assert.is((await tallymesh([...startArgs('p', dir), '--log-level', 'silent', '--listen', 'x'])).out, '')
})

start.run()
