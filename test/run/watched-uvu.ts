import * as uvu from 'uvu'
import { record } from './journal.js'

/** What uvu queues for a suite: resolves with the text of errors (or true), passed, skipped and total. */
type Job = () => Promise<[string | boolean, number, number, number]>

interface HookOf<Context> {
  (hook: uvu.Callback<Context>): void
  each(hook: uvu.Callback<Context>): void
}

let suites = 0
let jobs = 0

/** Stands in for uvu's `suite`: the same behaviour, with a journal. uvu forgets suites that are never run, drops what a
 *  hook throws and exits with 0 after both, so none of this can be learned from its output. */
export function suite<Context = uvu.Context>(name = '', context?: Context): uvu.Test<Context> {
  const id = suites++
  const plain = uvu.suite<Context>(name, context)
  const { only, skip } = plain
  record({ event: 'suite', suite: id, name })
  const watched = (test: string, handler: uvu.Callback<Context>): void => {
    record({ event: 'test', suite: id, name: test, kind: 'plain' })
    plain(test, watchTest(id, test, handler))
  }
  return Object.assign(watched, {
    only: (test: string, handler: uvu.Callback<Context>): void => {
      record({ event: 'test', suite: id, name: test, kind: 'only' })
      only(test, watchTest(id, test, handler))
    },
    skip: (test = '', handler?: uvu.Callback<Context>): void => {
      record({ event: 'test', suite: id, name: test, kind: 'skip' })
      skip(test, handler)
    },
    before: watchHook(id, 'before', plain.before),
    after: watchHook(id, 'after', plain.after),
    run: (): void => {
      plain.run()
      watchJob(id)
    },
  })
}

/** A suite without a name, for each file its own: uvu has one for all of them. */
export let test = suite()
export const exec = uvu.exec

/** Forgets what the file before has left to uvu. */
export function beginFile(): void {
  queues().splice(0, Number.POSITIVE_INFINITY, [null])
  test = suite()
}

function watchTest<Context>(id: number, name: string, handler: uvu.Callback<Context>): uvu.Callback<Context> {
  return async context => {
    record({ event: 'begin', suite: id, name })
    let passed = false
    try {
      await handler(context)
      passed = true
    } finally {
      record({ event: 'end', passed })
    }
  }
}

function watchHook<Context>(id: number, name: string, plain: HookOf<Context>): HookOf<Context> {
  const watch = (hook: string, handler: uvu.Callback<Context>): uvu.Callback<Context> => {
    return async context => {
      try {
        await handler(context)
      } catch (error) {
        record({
          event: 'hook-failed',
          suite: id,
          hook,
          message: error instanceof Error ? String(error.stack) : String(error),
        })
        throw error
      }
    }
  }
  return Object.assign((handler: uvu.Callback<Context>) => plain(watch(name, handler)), {
    each: (handler: uvu.Callback<Context>) => plain.each(watch(`${name}.each`, handler)),
  })
}

/** Replaces the job that uvu queued last by one that records its counts. */
function watchJob(id: number): void {
  const job = jobs++
  record({ event: 'run', suite: id, job })
  const [queue] = queues() as [[null, ...Job[]]]
  const plain = queue.pop() as Job
  queue.push(async () => {
    const result = await plain()
    record({ event: 'result', job, passed: result[1], total: result[3] })
    return result
  })
}

function queues(): Array<[null, ...Job[]]> {
  return (globalThis as unknown as { UVU_QUEUE: Array<[null, ...Job[]]> }).UVU_QUEUE
}
