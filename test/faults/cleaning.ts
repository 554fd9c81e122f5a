import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A shell script that runs once: when it is asked for, or when this process ends, however it ends. What a test leaves in the
 *  kernel (mounts, network namespaces) would outlive a test that is killed at its deadline. */
export class Cleaning {
  readonly #shell: ChildProcess
  readonly #exited: Promise<unknown>

  /** @param args the script's $1, $2, …; its failures are nobody's */
  constructor(script: string, ...args: readonly string[]) {
    // A session of its own: who kills the test's process group does not kill this.
    this.#shell = spawn('/bin/sh', ['-c', `cat; ${script}`, 'cleaning', ...args], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#exited = once(this.#shell, 'exit')
  }

  /** Runs the script now; resolves at its end. */
  async run(): Promise<void> {
    this.#shell.stdin?.end()
    await this.#exited
  }
}
