import { TallymeshError } from '@tallymesh/crdt'

const POLL_MS = 2

/** Waits until `condition` holds; fails with `what` after `deadlineMs`. */
export async function until(what: string, condition: () => boolean, deadlineMs = 10_000): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** The outcome of a promise that has to settle. */
export async function within<Value>(what: string, promise: Promise<Value>, deadlineMs = 10_000): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms in vain until ${what}`)), deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The TallymeshError that a promise is rejected with. */
export async function refusal(what: string, promise: Promise<unknown>): Promise<TallymeshError> {
  return within(
    what,
    promise.then(
      () => {
        throw new Error(`${what}: it was not refused`)
      },
      (error: unknown) => {
        if (error instanceof TallymeshError) return error
        throw error
      },
    ),
  )
}

/** The TallymeshError that a call throws. */
export function thrown(call: () => unknown): TallymeshError {
  try {
    call()
  } catch (error) {
    if (error instanceof TallymeshError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** Whether a promise is still pending once everything that is due now has run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = () => {
    settled = true
  }
  promise.then(settle, settle)
  await turn()
  await turn()
  return !settled
}

/** The next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
