import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a supervisor asks of its guard. */
export type GuardOrder =
  /** This process ends with the supervisor. */
  | { readonly type: 'watch'; readonly pid: number }
  | { readonly type: 'unwatch'; readonly pid: number }
  /** This directory is removed at the end; undefined: none is. */
  | { readonly type: 'clear'; readonly directory: string | undefined }
  /** How long processes may take to end by themselves. */
  | { readonly type: 'grace'; readonly graceMs: number }
  | { readonly type: 'leave' }

/** A guard that is ended by somebody is replaced, so often. */
const REPLACEMENTS_MAX = 5
const PROGRAM = new URL('./guard-process.js', import.meta.url)

/** A process of its own that outlives this one by a moment: when this one is gone, by SIGKILL too, it ends the processes that it
 *  was told to watch, first by SIGTERM, then by SIGKILL. */
export class Guard {
  #process: ChildProcess
  readonly #pids = new Set<number>()
  #directory: string | undefined
  #left = false
  #replacements = 0

  /** @param graceMs how long processes may take to end by themselves after SIGTERM */
  constructor(readonly graceMs = 10_000) {
    this.#process = this.#start()
  }

  /** Of the guarding process, for tests. */
  get pid(): number | undefined {
    return this.#process.pid
  }

  watch(pid: number): void {
    this.#pids.add(pid)
    this.#order({ type: 'watch', pid })
  }

  unwatch(pid: number): void {
    this.#pids.delete(pid)
    this.#order({ type: 'unwatch', pid })
  }

  /** Removes this directory at the end, after the processes. */
  clear(directory: string | undefined): void {
    this.#directory = directory
    this.#order({ type: 'clear', directory })
  }

  /** Ends what is still watched, removes the directory, and waits until the guard itself is gone. */
  async leave(): Promise<void> {
    this.#left = true
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.ref()
    const gone = once(this.#process, 'exit')
    this.#order({ type: 'leave' })
    await gone
  }

  #start(): ChildProcess {
    // In a session of its own: what ends the supervisor's whole process group must not end its guard.
    const guard = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [], detached: true })
    guard.on('error', () => {})
    guard.on('exit', () => {
      if (!this.#left && this.#replacements++ < REPLACEMENTS_MAX) this.#process = this.#start()
    })
    guard.unref()
    guard.channel?.unref()
    this.#tell(guard, { type: 'grace', graceMs: this.graceMs })
    this.#tell(guard, { type: 'clear', directory: this.#directory })
    for (const pid of this.#pids) this.#tell(guard, { type: 'watch', pid })
    return guard
  }

  #order(order: GuardOrder): void {
    this.#tell(this.#process, order)
  }

  #tell(guard: ChildProcess, order: GuardOrder): void {
    if (guard.connected) guard.send(order, () => {})
  }
}
