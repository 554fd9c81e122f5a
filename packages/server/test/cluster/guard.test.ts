import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Guard } from '../../src/cluster/guard.js'
import { until } from '../../src/cluster/until.js'

const test = suite('guard')
const DEADLINE_MS = 20_000
const DOOMED = fileURLToPath(new URL('./doomed-supervisor.js', import.meta.url))

interface Said {
  readonly pids: readonly number[]
  readonly guard: number
  readonly dir: string
}

test('a supervisor killed by SIGKILL leaves no process and no directory, frozen and stubborn ones included', async () => {
  const doomed = spawn(process.execPath, [DOOMED], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  doomed.stdout.on('data', chunk => (text += chunk))
  await until('the supervisor to say what it runs', () => text.includes('\n'), DEADLINE_MS)
  const { pids, guard, dir } = JSON.parse(text) as Said
  assert.is(pids.filter(alive).length, 3)
  assert.ok(existsSync(dir))
  const gone = once(doomed, 'exit')
  doomed.kill('SIGKILL')
  await gone
  await until('all processes to be gone', () => ![...pids, guard].some(alive), DEADLINE_MS)
  assert.not.ok(existsSync(dir))
})

test('a guard that is killed is replaced, and ends what it was told of', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', detached: true })
  const gone = once(child, 'exit')
  const guard = new Guard(1_000)
  guard.watch(child.pid as number)
  const { pid } = guard
  process.kill(pid as number, 'SIGKILL')
  await until('another guard', () => guard.pid !== pid, DEADLINE_MS)
  await guard.leave()
  const [, signal] = (await gone) as [unknown, NodeJS.Signals]
  assert.is(signal, 'SIGTERM')
})

test('what was ended before is left alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', detached: true })
  const guard = new Guard()
  guard.watch(child.pid as number)
  guard.unwatch(child.pid as number)
  await guard.leave()
  await guard.leave()
  assert.ok(alive(child.pid as number))
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
})

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.run()
