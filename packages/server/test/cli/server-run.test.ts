// deadline: 300 s
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Authority, canIssue } from '../authority.js'
import { freePorts } from '../cluster/free-port.js'
import { ServerLab } from '../lab.js'
import { PROGRAM } from '../program.js'
import { bash, CliProcess, endAll, RunningNode, scratch, startArgs, until } from './cli-process.js'
import { command, commandsOf } from './command-line.js'

const dir = scratch()
const run = suite('a running server')

run.after(endAll)

/** What a directory holds of a counter, once its server is gone. */
async function held(name: string, key: string): Promise<number> {
  const lab = new ServerLab()
  try {
    const { node } = await lab.start(name, { dataDir: join(dir, name), runtimeDir: join(dir, 'run'), room: 'default' })
    return node.counterByKey(key).value as number
  } finally {
    await lab.close()
  }
}

run('drains at SIGTERM: not ready, still counting, then closed with exit code 0', async () => {
  const node = await RunningNode.start('drained', dir, ['--drain-ms', '2000'])
  node.program.signal('SIGTERM')
  await node.program.says(/draining: not ready/)
  const ready = await fetch(`${node.url}/readyz`)
  assert.is(ready.status, 503)
  assert.is(((await ready.json()) as { reason: string }).reason, 'draining')
  const headers = { 'content-type': 'application/json' }
  const add = await fetch(`${node.url}/v1/counters/orders`, { method: 'POST', headers, body: '{"add":5}' })
  assert.equal(await add.json(), { key: 'orders', value: 5 })
  const ran = await node.program.ended()
  assert.equal([ran.code, ran.err], [0, ''])
  assert.is(await held('drained', 'orders'), 5)
})

run('ends at a second SIGTERM with exit code 1, and loses nothing', async () => {
  const node = await RunningNode.start('hurried', dir, ['--drain-ms', '600000'])
  assert.is((await command(['add', 'orders', '7', '--url', node.url])).out, '7\n')
  node.program.signal('SIGTERM')
  await node.program.says(/draining: not ready/)
  node.program.signal('SIGTERM')
  const ran = await node.program.ended()
  assert.is(ran.code, 1)
  assert.match(ran.out, /SIGTERM again: ending at once; what was acknowledged is on disk/)
  assert.is(await held('hurried', 'orders'), 7)
})

run('ends while it is opening', async () => {
  const program = new CliProcess(startArgs('early', dir))
  await program.says(/"event":"opening"/)
  program.signal('SIGTERM')
  assert.is((await program.ended()).code, 0)
})

run('ends with exit code 1 where closing takes too long', async () => {
  const a = await RunningNode.start('slow-peer', dir)
  const script = `
    import { ServerRun } from ${JSON.stringify(new URL('../../src/cli/server-run.js', import.meta.url).href)}
    import { openLogger } from ${JSON.stringify(new URL('../../src/cli/logger.js', import.meta.url).href)}
    const options = {
      ...{ name: 'late', dataDir: ${JSON.stringify(join(dir, 'late'))}, runtimeDir: ${JSON.stringify(join(dir, 'run'))} },
      ...{ listen: { host: '127.0.0.1', port: 0 }, peers: [${JSON.stringify(a.peer)}], closeTimeoutMs: 60_000 },
    }
    const log = await openLogger({ level: 'info', format: 'json', node: 'late' })
    process.exit(await new ServerRun(options, log, { shutdownTimeoutMs: 100, closeTimeoutMs: -1_000 }).run())`
  const late = new CliProcess([], {}, [process.execPath, '--input-type=module', '-e', script])
  const [, url] = await late.says(/ready: node .* at (http:[^\s"]+)/)
  await late.says(/peer slow-peer is up/)
  a.program.signal('SIGSTOP')
  assert.is((await command(['add', 'orders', '--url', url as string])).out, '1\n')
  late.signal('SIGINT')
  const ran = await late.ended()
  a.program.signal('SIGCONT')
  assert.is(ran.code, 1, ran.out + ran.err)
  assert.match(ran.out, /closing takes more than 100 ms: ending at once/)
  await a.stop()
})

run('reads tokens again at SIGHUP, and keeps the old ones where it cannot', async () => {
  const tokens = join(dir, 'tokens.txt')
  writeFileSync(tokens, 'first read\nsecond write,peer\n', { mode: 0o644 })
  chmodSync(tokens, 0o644)
  const node = await RunningNode.start('guarded', dir, ['--tokens-file', tokens])
  assert.match(node.program.out, /listening on .*2 tokens/)
  assert.match(node.program.out, /everybody on this machine can read the tokens/)
  const get = async (token: string) =>
    (await commandsOf(() => node)(['get', 'orders'], { TALLYMESH_TOKEN: token })).code
  assert.equal([await get('first'), await get('third'), await get('second')], [0, 3, 3])
  writeFileSync(tokens, 'third read\n')
  node.program.signal('SIGHUP')
  await node.program.says(/SIGHUP: tokens \(1\) and certificates were read again/)
  assert.equal([await get('first'), await get('third')], [3, 0])
  writeFileSync(tokens, 'fourth nonsense\n')
  node.program.signal('SIGHUP')
  await node.program.says(/SIGHUP: what was valid stays valid: .*scope/)
  assert.equal([await get('third'), await get('fourth')], [0, 3])
  const { out, err } = await node.stop()
  assert.not.match(out + err, /first|second|third|fourth/)
})

run('outlives the reader of its log', async () => {
  const node = await RunningNode.start('unread', dir, ['--log-level', 'debug'])
  node.program.child.stdout?.destroy()
  for (let count = 1; count <= 3; count++)
    assert.is((await commandsOf(() => node)(['add', 'orders'])).out, `${count}\n`)
  node.program.signal('SIGHUP')
  assert.is((await node.stop('SIGTERM')).code, 0)
})

run('does not wait for a reader of its log that hangs', async () => {
  const [done, pid, code] = ['done', 'pid', 'code'].map(name => join(dir, name)) as [string, string, string]
  const port = await freePorts(1)
  const stray = Array.from({ length: 260 }, (_, at) => [
    `TALLYMESH_NAME${String.fromCharCode(65 + (at % 26))}${at % 10}`,
    'x',
  ])
  const args = startArgs('n'.repeat(250), dir).join(' ')
  const node = `'${process.execPath}' '${PROGRAM}' ${args} --listen 127.0.0.1:${port} & echo $! > ${pid}; wait $!; echo $? > ${code}`
  const log = bash(`(${node}) | (while [ ! -e ${done} ]; do sleep 0.1; done)`, { env: Object.fromEntries(stray) })
  const url = `http://127.0.0.1:${port}`
  const status = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status
  await until('it to be ready', async () => (await status()) === 200)
  for (let count = 1; count <= 3; count++) {
    assert.is((await command(['add', 'orders', '--url', url])).out, `${count}\n`)
  }
  process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM')
  await until('its end', () => existsSync(code))
  writeFileSync(done, '')
  await log
  assert.is(readFileSync(code, 'utf8'), '0\n')
})

run('logs peers that come and go, and the replica id', async () => {
  const a = await RunningNode.start('one', dir)
  const b = await RunningNode.start('two', dir, ['--peer', a.peer])
  await a.program.says(/peer two is up/)
  assert.is((await command(['add', 'orders', '--replicas', '2', '--url', b.url])).code, 0)
  await b.program.says(/the node counts under replica id [0-9a-f]+/)
  await b.stop('SIGKILL')
  const [line] = await a.program.says(/.*peer two is down/)
  assert.is(JSON.parse(`${line}"}`).level, 40)
  await a.stop()
})

run('speaks TLS with a certificate that is read again at SIGHUP', async () => {
  if (!canIssue()) return
  const authority = new Authority('room')
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text)
    return join(dir, name)
  }
  const { cert, key } = authority.issue(['IP:127.0.0.1'])
  const flags = ['--tls-cert', file('node.pem', cert), '--tls-key', file('node.key', key)]
  const node = await RunningNode.start('secret', dir, flags)
  assert.match(node.program.out, /listening on https:.*; TLS\)/)
  for (const [asked, code] of [
    ['status', 4],
    ['list', 4],
  ] as const) {
    const untrusted = await commandsOf(() => node)([asked, '--timeout-ms', '500'])
    assert.is(untrusted.code, code)
    if (asked === 'status') assert.match(untrusted.err, /is not trusted; set NODE_EXTRA_CA_CERTS/)
  }
  const env = { NODE_EXTRA_CA_CERTS: file('ca.pem', authority.cert) }
  assert.is((await node.run(['add', 'orders'], { env })).out, '1\n')
  const next = authority.issue(['IP:127.0.0.1'])
  file('node.pem', next.cert)
  file('node.key', next.key)
  node.program.signal('SIGHUP')
  await node.program.says(/certificates were read again/)
  assert.is((await node.run(['status'], { env })).code, 0)
  file('node.key', 'nothing')
  node.program.signal('SIGHUP')
  await node.program.says(/what was valid stays valid: .*cannot be used together/)
  assert.is((await node.run(['status'], { env })).code, 0)
  await node.stop()
  authority.remove()
})

run('tells systemd that it is ready, alive and stopping, or says that it cannot', async () => {
  const missing = ['perl', 'systemd-notify'].find(program => spawnSync('which', [program]).status !== 0)
  if (missing !== undefined) return console.log(`SKIP: ${missing} is not installed`)
  const socket = join(dir, 'notify')
  const receive = `socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); $| = 1; print "open\\n";
    while (defined recv(S, $text, 4096, 0)) { print "$text\\n" }`
  const systemd = new CliProcess([], {}, ['perl', '-MSocket', '-e', receive, socket])
  await systemd.says(/open/)
  const node = await RunningNode.start('unit', dir, [], { env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' } })
  await systemd.says(/READY=1/)
  await systemd.says(/WATCHDOG=1\n[\s\S]*WATCHDOG=1/)
  node.program.signal('SIGTERM')
  await systemd.says(/STOPPING=1/)
  assert.is((await node.program.ended()).code, 0)
  systemd.signal('SIGTERM')
  await systemd.ended()
  const alone = await RunningNode.start('alone', dir, [], { env: { NOTIFY_SOCKET: join(dir, 'nobody') } })
  await alone.program.says(/systemd could not be told READY=1/)
  await alone.stop()
})

run.run()
