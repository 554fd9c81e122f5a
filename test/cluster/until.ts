/** Asked this often at first, and ever more rarely: what takes long is waited for by asking little. */
const POLL_MS = 10
const POLL_MS_MAX = 50
const POLL_GROWTH = 1.1

/** Waits for a condition. It answers true, or what is still missing.
 *  @param what names the condition in the failure
 *  @throws Error after the deadline, with what was missing last */
export async function until(
  what: string,
  condition: () => boolean | string | Promise<boolean | string>,
  deadlineMs = 30_000,
): Promise<void> {
  const wait: { missing: boolean | string; over: boolean } = { missing: false, over: false }
  const poll = async (): Promise<void> => {
    for (let pauseMs = POLL_MS; !wait.over; pauseMs = Math.min(pauseMs * POLL_GROWTH, POLL_MS_MAX)) {
      wait.missing = await condition()
      if (wait.missing === true) return
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  }
  let timer: NodeJS.Timeout | undefined
  // A condition that never answers runs into the deadline too.
  const deadline = new Promise<void>(resolve => {
    timer = setTimeout(resolve, deadlineMs)
  })
  try {
    await Promise.race([poll(), deadline])
  } finally {
    clearTimeout(timer)
    wait.over = true
  }
  if (wait.missing === true) return
  const still = typeof wait.missing === 'string' ? `; still: ${wait.missing}` : ''
  throw new Error(`waited ${deadlineMs} ms for ${what}${still}`)
}
