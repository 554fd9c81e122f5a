import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddOptions, NodeOptions, PeerEvent } from 'tallymesh'
import type { Call, Told, ToldError, Verb, Verbs } from '../cluster/command.js'
import { CallError } from '../cluster/node-handle.js'
import { programPath } from '../cluster/program.js'
import { until } from '../cluster/until.js'
import type { Counting } from './claims.js'

const PROGRAM = programPath('node-process.js', new URL('../cluster/node-process.js', import.meta.url))

/** A node in a process of its own, in a network namespace. */
export class NamespacedNode implements Counting {
  readonly name: string
  readonly errors: ToldError[] = []
  /** What its `peer` events told, oldest first. */
  readonly peers: PeerEvent[] = []
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (told: Told) => void>()
  #calls = 0

  /** @throws CallError what `openNode` refused; the process is gone then */
  static async start(namespace: string, options: NodeOptions): Promise<NamespacedNode> {
    const node = new NamespacedNode(namespace, options.name)
    try {
      await node.call('open', options)
      return node
    } catch (error) {
      await node.kill()
      throw error
    }
  }

  private constructor(namespace: string, name: string) {
    this.name = name
    // `ip` enters the namespace and becomes the program: the channel to the child stays the same.
    const execArgv = ['netns', 'exec', namespace, process.execPath]
    this.#child = fork(PROGRAM, [], { serialization: 'advanced', execPath: 'ip', execArgv })
    this.#child.on('message', (told: Told) => this.#take(told))
    this.#child.once('exit', () => {
      const error = { code: 'GONE', message: `the process of ${name} has ended` }
      for (const [id, answer] of this.#answers) answer({ type: 'failure', id, error })
    })
  }

  /** @throws CallError */
  call<V extends Verb>(verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    const call: Call = { id: ++this.#calls, verb, args }
    return new Promise((resolve, reject) => {
      this.#answers.set(call.id, told => {
        this.#answers.delete(call.id)
        if (told.type === 'answer') resolve(told.value as ReturnType<Verbs[V]>)
        else if (told.type === 'failure') reject(new CallError(told.error.code, told.error.message))
      })
      this.#child.send(call, failure => {
        if (failure)
          this.#answers.get(call.id)?.({
            type: 'failure',
            id: call.id,
            error: { code: 'GONE', message: failure.message },
          })
      })
    })
  }

  add(key: string, amount = 1, options?: AddOptions): Promise<void> {
    return this.call('add', key, amount, options)
  }

  /** Waits until it sees the others in these states, and has so many links. */
  async sees(states: Readonly<Record<string, string>>, links: number): Promise<void> {
    const wanted = JSON.stringify([Object.entries(states).sort(), links])
    await until(`${this.name} to see ${wanted}`, async () => {
      const others = (await this.call('members')).filter(({ self }) => !self).map(({ name, state }) => [name, state])
      const seen = JSON.stringify([others.sort(), (await this.call('stats')).links])
      return seen === wanted || seen
    })
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  #take(told: Told): void {
    if (told.type === 'answer' || told.type === 'failure') this.#answers.get(told.id)?.(told)
    else if (told.type === 'error') this.errors.push(told.error)
    else if (told.type === 'peer') this.peers.push(told.peer)
  }
}
