import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../src/cluster/until.js'
import { notifySystemd, startWatchdog, watchdogIntervalMs } from '../src/systemd.js'

const test = suite('systemd')
const DEADLINE_MS = 20_000

/** Prints datagrams as they come. A plain `recv` drops the descriptor of systemd-notify's barrier, which answers it, as systemd does;
 *  socat would keep it open. */
const PERL = `socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); $| = 1;
  while (defined recv(S, $text, 4096, 0)) { print "$text\\n" }`

/** Takes datagrams in place of systemd. */
class Receiver {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-systemd-'))
  readonly path = join(this.dir, 'notify')
  text = ''
  readonly #perl: ChildProcess = spawn('perl', ['-MSocket', '-e', PERL, this.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

  async open(): Promise<void> {
    this.#perl.stdout?.on('data', chunk => (this.text += chunk))
    await until('the receiver to listen', () => existsSync(this.path), DEADLINE_MS)
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, NOTIFY_SOCKET: this.path }
  }

  async heard(what: RegExp): Promise<void> {
    await until(`${what} to be heard, not ${this.text}`, () => what.test(this.text), DEADLINE_MS)
  }

  async close(): Promise<void> {
    const gone = once(this.#perl, 'exit')
    this.#perl.kill('SIGKILL')
    await gone
    rmSync(this.dir, { recursive: true, force: true })
  }
}

const missing = ['perl', 'systemd-notify'].find(program => spawnSync('which', [program]).status !== 0)

function withReceiver(use: (receiver: Receiver) => Promise<void>): () => Promise<void> {
  return async () => {
    if (missing !== undefined) return console.log(`SKIP: ${missing} is not installed`)
    const receiver = new Receiver()
    try {
      await receiver.open()
      await use(receiver)
    } finally {
      await receiver.close()
    }
  }
}

test(
  'what is told arrives at the socket',
  withReceiver(async receiver => {
    assert.ok(await notifySystemd(['READY=1', 'STATUS=counts for room shop'], receiver.env))
    await receiver.heard(/READY=1\nSTATUS=counts for room shop/)
  }),
)

test(
  'the watchdog is fed for as long as the process is alive',
  withReceiver(async receiver => {
    let asked = 0
    const alive = async () => {
      asked++
      if (asked === 2) throw new Error('the answer got lost')
      return asked < 4
    }
    const stop = startWatchdog({ intervalMs: 100, alive, env: receiver.env })
    await until('it to be asked often', () => asked >= 7, DEADLINE_MS)
    stop()
    assert.is(receiver.text.match(/WATCHDOG=1/g)?.length, 2)
  }),
)

test('an answer that never comes counts as no', async () => {
  let asked = 0
  const alive = () => {
    asked++
    return new Promise<boolean>(() => {})
  }
  const stop = startWatchdog({ intervalMs: 20, alive, env: {} })
  await until('it to be asked again', () => asked >= 2, DEADLINE_MS)
  stop()
})

test('without systemd nothing is done; what fails is said by false', async () => {
  assert.is(await notifySystemd(['READY=1'], {}), false)
  assert.is(await notifySystemd([], { NOTIFY_SOCKET: '/nowhere' }), false)
  assert.is(await notifySystemd(['READY=1'], { ...process.env, NOTIFY_SOCKET: '/nowhere/at/all' }), false)
  assert.is(await notifySystemd(['READY=1'], { PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere' }), false)
})

test('the interval is half of what the unit says, for this process only', () => {
  const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '30000000' }
  assert.is(watchdogIntervalMs(env), 15_000)
  assert.is(watchdogIntervalMs({ ...env, WATCHDOG_PID: '17' }, 17), 15_000)
  assert.is(watchdogIntervalMs({ ...env, WATCHDOG_PID: '17' }, 18), undefined)
  assert.is(watchdogIntervalMs({ ...env, WATCHDOG_USEC: '10' }), 100)
  for (const WATCHDOG_USEC of ['', '0', 'soon']) assert.is(watchdogIntervalMs({ ...env, WATCHDOG_USEC }), undefined)
  assert.is(watchdogIntervalMs({ WATCHDOG_USEC: '30000000' }), undefined)
})

test.run()
