// Stays behind the demo: runs the load balancer, and clears up when the demo ends, even by SIGKILL.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardNews, GuardOrder } from './guard.js'

const CLEAR_TRIES = 20
const CLEAR_PAUSE_MS = 100

let balancer: ChildProcess | undefined
let pids: readonly number[] = []
let directory: string | undefined
let leaving = false

process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => void leave())
process.on('message', (order: GuardOrder) => {
  if (order.type === 'run') run(order.command, order.args)
  else if (order.type === 'watch') pids = order.pids
  else if (order.type === 'clear') directory = order.directory
  else void leave()
})

function run(command: string, args: readonly string[]): void {
  balancer = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  balancer.stderr?.on('data', chunk => (complaint = `${complaint}${chunk}`.slice(-2_000)))
  balancer.on('error', error => tell({ type: 'ended', complaint: error.message }))
  balancer.on('exit', () => {
    if (!leaving) tell({ type: 'ended', complaint: complaint.trim() })
  })
}

async function leave(): Promise<void> {
  if (leaving) return
  leaving = true
  // A frozen node cannot notice that its supervisor is gone; thawed, it ends by itself.
  for (const pid of pids) thaw(pid)
  if (balancer && balancer.exitCode === null && balancer.signalCode === null) {
    const gone = once(balancer, 'exit')
    balancer.kill('SIGKILL')
    await gone
  }
  if (directory !== undefined) await clear(directory)
  process.exit(0)
}

/** Removes the directory; nodes that are still ending may write into it meanwhile. */
async function clear(dir: string): Promise<void> {
  for (let i = 0; i < CLEAR_TRIES; i++) {
    try {
      await rm(dir, { recursive: true, force: true })
      if (pids.every(pid => !alive(pid))) return
    } catch {
      // It is tried again below.
    }
    await sleep(CLEAR_PAUSE_MS)
  }
}

function thaw(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT')
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

function tell(news: GuardNews): void {
  if (process.connected) process.send?.(news)
}
