import { appendFileSync, readFileSync } from 'node:fs'

/** What a test process writes down while it runs, a JSON line each. A line is on disk before what it tells of goes on, so
 *  the journal of a process that was killed says how far it came. */
export type JournalEvent =
  | { readonly event: 'test'; readonly suite: number; readonly name: string; readonly kind: 'plain' | 'skip' | 'only' }
  | { readonly event: 'suite'; readonly suite: number; readonly name: string }
  /** `run()` was called: what the suite holds so far is job `job`. */
  | { readonly event: 'run'; readonly suite: number; readonly job: number }
  | { readonly event: 'begin'; readonly suite: number; readonly name: string }
  | { readonly event: 'end'; readonly passed: boolean }
  | { readonly event: 'hook-failed'; readonly suite: number; readonly hook: string; readonly message: string }
  /** uvu's own counts of a finished job; `total` leaves out skipped tests. */
  | { readonly event: 'result'; readonly job: number; readonly passed: number; readonly total: number }
  /** The file was evaluated to its end, with every top-level await in it. */
  | { readonly event: 'loaded' }
  /** A line `SKIP: reason` was printed. */
  | { readonly event: 'skip-line'; readonly reason: string }

let path: string | undefined

/** Starts the journal of this process. Without it `record` does nothing. */
export function openJournal(file: string): void {
  path = file
}

export function record(event: JournalEvent): void {
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(event)}\n`)
}

/** Reads the journal of a process that ended; a last line that was cut off is left out. */
export function readJournal(file: string): JournalEvent[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  const lines = text.split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line) as JournalEvent)
}
