// Runs in a thread of its own: see watchdog.ts.
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { keepFailure, repeatCommand } from './failures.js'
import { HEADER_BYTES, type WatchdogMemory } from './watchdog.js'

const { shared, stillMsMax } = workerData as WatchdogMemory
const header = new Uint32Array(shared, 0, 3)
const bytes = new Uint8Array(shared)
const nameBytesMax = 64
const LOOK_MS = 500

let seen = 0
let sinceMs = performance.now()

setInterval(() => {
  const current = Atomics.load(header, 0)
  if (current !== seen || current === 0) {
    seen = current
    sinceMs = performance.now()
  } else if (performance.now() - sinceMs > stillMsMax) bark()
}, LOOK_MS)

function bark(): void {
  const name = Buffer.from(bytes.slice(HEADER_BYTES, HEADER_BYTES + (header[2] as number))).toString()
  const from = HEADER_BYTES + nameBytesMax
  const input = bytes.slice(from, from + (header[1] as number))
  const path = keepFailure(name, input)
  const text = `${name}: its reader did not come back within ${stillMsMax} ms from the ${input.length} bytes in ${path}`
  writeSync(1, `${text}\n  repeat it by: ${repeatCommand(name, input, path, undefined)}\n`)
  // No handler of the main thread would run.
  process.kill(process.pid, 'SIGKILL')
}
