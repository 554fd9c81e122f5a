import { execFile } from 'node:child_process'

/** A program of systemd's: its socket takes datagrams, which Node cannot send. */
const PROGRAM = 'systemd-notify'
const TIMEOUT_MS = 5_000
const INTERVAL_MS_MIN = 100

/** Assignments of sd_notify(3), such as `READY=1` and `STATUS=draining`. */
export type SystemdState = readonly string[]

/** Tells systemd about this service. Resolves with whether that was done: not where no systemd started this process, or its
 *  program is missing, fails or takes longer than `timeoutMs`. Never rejects. The unit needs `NotifyAccess=all`, since a child
 *  process tells it. */
export function notifySystemd(
  state: SystemdState,
  env: NodeJS.ProcessEnv = process.env,
  timeoutMs = TIMEOUT_MS,
): Promise<boolean> {
  if (!env.NOTIFY_SOCKET || state.length === 0) return Promise.resolve(false)
  return new Promise(resolve => {
    const options = { env, timeout: timeoutMs, killSignal: 'SIGKILL' as const }
    execFile(PROGRAM, [...state], options, error => resolve(error === null))
  })
}

/** How often systemd wants to hear from this process, in ms, by half of its `WatchdogSec`; undefined where it does not. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv = process.env, pid = process.pid): number | undefined {
  const usec = Number(env.WATCHDOG_USEC)
  if (!env.NOTIFY_SOCKET || !Number.isFinite(usec) || usec <= 0) return undefined
  if (env.WATCHDOG_PID && Number(env.WATCHDOG_PID) !== pid) return undefined
  return Math.max(INTERVAL_MS_MIN, usec / 2_000)
}

export interface WatchdogOptions {
  /** Half of the unit's `WatchdogSec`, see `watchdogIntervalMs`. */
  readonly intervalMs: number
  /** Whether this process does its work. One that does not answer within the interval counts as no. */
  readonly alive: () => Promise<boolean>
  readonly env?: NodeJS.ProcessEnv
}

/** Tells systemd at each interval that this process is alive, for as long as it is: otherwise systemd restarts it.
 *  @returns ends it */
export function startWatchdog({ intervalMs, alive, env = process.env }: WatchdogOptions): () => void {
  let asking = false
  const tick = async () => {
    if (asking) return
    asking = true
    try {
      if (await within(alive(), intervalMs)) await notifySystemd(['WATCHDOG=1'], env, intervalMs)
    } finally {
      asking = false
    }
  }
  const timer = setInterval(() => void tick(), intervalMs)
  timer.unref()
  void tick()
  return () => clearInterval(timer)
}

/** Whether it answers true in time. */
async function within(answer: Promise<boolean>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  try {
    return await Promise.race([answer.catch(() => false), late])
  } finally {
    clearTimeout(timer)
  }
}
