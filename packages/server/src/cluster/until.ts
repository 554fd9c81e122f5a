import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 20

/** Waits for a condition.
 *  @param what names the condition in the failure
 *  @throws Error after the deadline, AbortError when `signal` aborts */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`)
    await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal })
  }
}
