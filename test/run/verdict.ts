import type { JournalEvent } from './journal.js'

/** How a test process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: string | null
  /** The deadline that it ran into, if it did. */
  readonly killedAfterMs?: number
}

export interface Verdict {
  readonly passed: number
  /** At least 1 where there is a problem. */
  readonly failed: number
  readonly skipped: number
  /** Why the file fails, a sentence each. */
  readonly problems: readonly string[]
  /** What was skipped and why, a line each. */
  readonly skips: readonly string[]
}

interface Job {
  readonly suite: number
  readonly tests: number
  readonly skips: number
  passed?: number
  total?: number
}

/** Judges one test file by its journal and the end of its process. A pass needs a test that was registered, every suite
 *  run to its end, every test passed, no `.only`, and an exit with code 0 before the deadline.
 *  @param strict whether a skipped test is a failure */
export function judge(events: readonly JournalEvent[], ending: Ending, strict: boolean): Verdict {
  const told = new Telling(events)
  const problems = [...told.problems, ...jobProblems(told), ...endProblems(told, ending)]
  const jobs = [...told.jobs.values()]
  if (problems.length === 0 && !told.loaded) {
    problems.push(`the process ended with ${endName(ending)} while the file was loading, perhaps at a top-level await`)
  }
  if (problems.length === 0 && jobs.length === 0) problems.push('no test was registered with uvu')
  if (problems.length === 0 && ending.code !== 0) problems.push(`the process ended with ${endName(ending)}`)
  const ran = jobs.reduce((sum, job) => sum + (job.passed ?? 0), 0)
  const failedTests = jobs.reduce((sum, job) => sum + ((job.total ?? 0) - (job.passed ?? 0)), 0)
  const skips = told.skips.map(skip => skip.line)
  // A test that printed SKIP and returned counts as passed for uvu.
  const passed = Math.max(0, ran - told.skips.filter(skip => skip.ran).length)
  if (strict && skips.length > 0) problems.push('skipping is not allowed in this run (REQUIRE_ALL=1)')
  const failed = Math.max(failedTests + (strict ? skips.length : 0), problems.length)
  return { passed, failed, skipped: strict ? 0 : skips.length, problems, skips }
}

/** What the journal tells, put together. */
class Telling {
  readonly jobs = new Map<number, Job>()
  readonly problems: string[] = []
  /** `ran` where uvu counts the test as passed. */
  readonly skips: Array<{ readonly line: string; readonly ran: boolean }> = []
  loaded = false
  readonly waiting = new Map<number, { tests: number; skips: number }>()
  /** The test that ran last and whether it still does. */
  last: { readonly name: string; running: boolean; reason?: string } | undefined
  readonly #names = new Map<number, string>()
  #reasons: string[] = []

  constructor(events: readonly JournalEvent[]) {
    for (const event of events) this.#take(event)
    const reasons = this.#reasons.length > 0 ? `: ${this.#reasons.join('; ')}` : ''
    if (reasons !== '' && this.skips.length === 0) this.skips.push({ line: `the file${reasons}`, ran: false })
    else if (reasons !== '')
      this.skips[0] = { line: `${this.skips[0]?.line}${reasons}`, ran: this.skips[0]?.ran === true }
  }

  nameOf(suite: number): string {
    const name = this.#names.get(suite)
    return name ? `suite "${name}"` : 'the unnamed suite'
  }

  #take(event: JournalEvent): void {
    switch (event.event) {
      case 'suite':
        this.#names.set(event.suite, event.name)
        return
      case 'test':
        return this.#register(event)
      case 'run': {
        const held = this.waiting.get(event.suite) ?? { tests: 0, skips: 0 }
        this.waiting.delete(event.suite)
        this.jobs.set(event.job, { suite: event.suite, ...held })
        return
      }
      case 'begin':
        this.last = { name: `${this.nameOf(event.suite)}, test "${event.name}"`, running: true }
        return
      case 'end':
        return this.#end(event.passed)
      case 'hook-failed':
        this.problems.push(`the ${event.hook} hook of ${this.nameOf(event.suite)} threw: ${event.message}`)
        return
      case 'result':
        Object.assign(this.jobs.get(event.job) ?? {}, { passed: event.passed, total: event.total })
        return
      case 'loaded':
        this.loaded = true
        return
      case 'skip-line':
        if (this.last?.running)
          this.last.reason = this.last.reason ? `${this.last.reason}; ${event.reason}` : event.reason
        else this.#reasons.push(event.reason)
        return
      default: {
        const unreachable: never = event
        throw new Error(`unknown event ${JSON.stringify(unreachable)}`)
      }
    }
  }

  #register(event: JournalEvent & { event: 'test' }): void {
    const held = this.waiting.get(event.suite) ?? { tests: 0, skips: 0 }
    this.waiting.set(event.suite, held)
    const name = `${this.nameOf(event.suite)}, test "${event.name}"`
    if (event.kind === 'skip') {
      held.skips++
      this.skips.push({ line: `${name} (test.skip)`, ran: false })
    } else {
      held.tests++
    }
    if (event.kind === 'only') this.problems.push(`${name} is marked .only, which leaves out the rest of its suite`)
  }

  #end(passed: boolean): void {
    if (!this.last) return
    this.last.running = false
    if (passed && this.last.reason) this.skips.push({ line: `${this.last.name}: ${this.last.reason}`, ran: true })
  }
}

function jobProblems(told: Telling): string[] {
  const problems: string[] = []
  for (const [suite, { tests, skips }] of told.waiting) {
    problems.push(
      `${told.nameOf(suite)} holds ${tests + skips} test(s) that never run: its .run() is missing or too early`,
    )
  }
  for (const job of told.jobs.values()) {
    const name = told.nameOf(job.suite)
    if (job.tests + job.skips === 0) problems.push(`${name} is run but holds no test`)
    if (job.total !== undefined && job.passed !== job.total) {
      problems.push(`${name}: ${job.passed} of ${job.total} test(s) passed`)
    }
  }
  return problems
}

function endProblems(told: Telling, ending: Ending): string[] {
  const unfinished = [...told.jobs.values()].filter(job => job.total === undefined)
  const where = told.last?.running
    ? `in ${told.last.name}`
    : told.last
      ? `after ${told.last.name}`
      : 'before the first test'
  if (ending.killedAfterMs !== undefined) {
    const seconds = ending.killedAfterMs / 1000
    const hint =
      unfinished.length === 0 && told.jobs.size > 0 ? ': all tests ended, but something keeps the process alive' : ''
    return [`killed after its deadline of ${seconds} s, ${where}${hint}`]
  }
  if (unfinished.length > 0) {
    const idle = ending.code === 0 || ending.code === 1 || ending.code === 13
    const hint = told.last?.running && idle ? '; it waits for something that never comes, or the process was ended' : ''
    return [`the process ended with ${endName(ending)} before all tests did, ${where}${hint}`]
  }
  return []
}

function endName(ending: Ending): string {
  return ending.signal === null ? `exit code ${ending.code}` : `signal ${ending.signal}`
}
