const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Runs `cleanUp` before a signal ends the process, which then ends by that signal, as its parent expects.
 *  @returns takes it back */
export function onInterruption(cleanUp: () => void): () => void {
  const handle = (signal: NodeJS.Signals) => {
    release()
    cleanUp()
    process.kill(process.pid, signal)
  }
  const release = () => {
    for (const signal of SIGNALS) process.off(signal, handle)
  }
  for (const signal of SIGNALS) process.on(signal, handle)
  return release
}
