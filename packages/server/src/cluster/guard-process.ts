// Stays behind a supervisor: when that is gone, however it ended, it ends the processes that the supervisor ran.
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardOrder } from './guard.js'

const POLL_MS = 50
const CLEAR_TRIES_MAX = 20

const pids = new Set<number>()
let directory: string | undefined
let graceMs = 0
let leaving = false

// A terminal sends these to everyone; this process ends last.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => void leave())
process.on('message', (order: GuardOrder) => take(order))

function take(order: GuardOrder): void {
  switch (order.type) {
    case 'watch':
      pids.add(order.pid)
      return
    case 'unwatch':
      pids.delete(order.pid)
      return
    case 'clear':
      directory = order.directory
      return
    case 'grace':
      graceMs = order.graceMs
      return
    case 'leave':
      return void leave()
    default: {
      const unreachable: never = order
      throw new TypeError(`unknown order ${JSON.stringify(unreachable)}`)
    }
  }
}

async function leave(): Promise<void> {
  if (leaving) return
  leaving = true
  // A frozen process takes SIGTERM only once it is thawed.
  for (const pid of pids) for (const signal of ['SIGTERM', 'SIGCONT'] as const) send(pid, signal)
  const endMs = performance.now() + graceMs
  while ([...pids].some(alive) && performance.now() < endMs) await sleep(POLL_MS)
  for (const pid of pids) send(pid, 'SIGKILL')
  for (let i = 0; directory !== undefined && i < CLEAR_TRIES_MAX; i++) {
    // A process that is still ending may write into it meanwhile.
    await rm(directory, { recursive: true, force: true }).catch(() => {})
    if (![...pids].some(alive)) break
    await sleep(POLL_MS)
  }
  process.exit(0)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
