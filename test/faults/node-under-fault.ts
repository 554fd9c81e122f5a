import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NodeOptions, NodeStatus, PeerEvent } from 'tallymesh'
import type { Call, Told, ToldError, Verb, Verbs } from '../cluster/command.js'
import { CallError } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'

const PROGRAM = fileURLToPath(new URL('./node-program.js', import.meta.url))
const PRINTED_CHARS_MAX = 4_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** How the process of a node is started, where that matters to a fault. */
export interface Launch {
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: Error) => void
}

/** A process for one node, of which the test knows the process id, and which does nothing before it is told to open: a fault
 *  can be laid first. */
export class NodeUnderFault {
  readonly name: string
  /** What its `error`, `peer` and `status` events told, oldest first. */
  readonly errors: ToldError[] = []
  readonly peers: PeerEvent[] = []
  readonly statuses: NodeStatus[] = []
  /** The end of what it printed: why it ended by itself, if it did. */
  printed = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiters = new Map<number, Waiter>()
  #calls = 0
  #gone = false

  constructor(
    readonly options: NodeOptions,
    { execArgv = [], env = {} }: Launch = {},
  ) {
    this.name = options.name
    this.#child = fork(PROGRAM, [], {
      serialization: 'advanced',
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    running.add(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', text => {
        this.printed = (this.printed + text).slice(-PRINTED_CHARS_MAX)
      })
    }
    this.#child.on('message', (told: Told) => this.#take(told))
    this.#child.on('error', () => {})
    this.#exited = once(this.#child, 'close').then(how => this.#end(how))
  }

  /** Starts a process and opens the node in it. @throws CallError what `openNode` refused; the process is gone then */
  static async start(options: NodeOptions, launch?: Launch): Promise<NodeUnderFault> {
    const node = new NodeUnderFault(options, launch)
    try {
      await node.open()
      return node
    } catch (error) {
      await node.kill()
      throw error
    }
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error(`the process of ${this.name} was not started`)
    return pid
  }

  get gone(): boolean {
    return this.#gone
  }

  /** @throws CallError what `openNode` refused; the process stays, and may open again */
  async open(): Promise<void> {
    await this.call('open', this.options)
  }

  /** @param extra what else the message carries, for what was loaded before the program
   *  @throws CallError */
  send<V extends Verb>(extra: object, verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    const id = ++this.#calls
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#gone) return reject(new CallError('GONE', `the process of ${this.name} has ended`))
      this.#waiters.set(id, { resolve, reject })
      const call: Call = { ...extra, id, verb, args }
      this.#child.send(call, failure => failure && this.#fail(id, new CallError('GONE', failure.message)))
    })
    return answer as Promise<ReturnType<Verbs[V]>>
  }

  /** @throws CallError */
  call<V extends Verb>(verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    return this.send({}, verb, ...args)
  }

  /** @throws CallError */
  add(key: string, amount: number): Promise<void> {
    return this.call('add', key, amount)
  }

  async value(key: string): Promise<number> {
    const { increments, decrements } = await this.call('totals', key)
    return increments - decrements
  }

  /** Waits until it may count. */
  async ready(): Promise<void> {
    await until(`${this.name} to be ready`, async () => {
      const status = await this.call('status')
      return status === 'ready' || `${status} ${this.codes}`
    })
  }

  /** Waits until it has that many links. */
  async linked(links: number): Promise<void> {
    await until(`${links} link(s) of ${this.name}`, async () => {
      const now = (await this.call('stats')).links
      return now === links || `${now}`
    })
  }

  /** The codes of what it reported, each once. */
  get codes(): string {
    return [...new Set(this.errors.map(({ code }) => code))].join(' ')
  }

  /** As a crash ends it: nothing is flushed. Resolves once the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Closes the node and ends its process. */
  async close(): Promise<void> {
    await this.call('close')
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited
  }

  #take(told: Told): void {
    switch (told.type) {
      case 'answer':
        this.#waiters.get(told.id)?.resolve(told.value)
        this.#waiters.delete(told.id)
        return
      case 'failure':
        return this.#fail(told.id, new CallError(told.error.code, told.error.message))
      case 'error':
        this.errors.push(told.error)
        return
      case 'peer':
        this.peers.push(told.peer)
        return
      case 'status':
        this.statuses.push(told.status)
        return
      default: {
        const unreachable: never = told
        throw new TypeError(`unknown message ${JSON.stringify(unreachable)}`)
      }
    }
  }

  #fail(id: number, reason: CallError): void {
    this.#waiters.get(id)?.reject(reason)
    this.#waiters.delete(id)
  }

  #end([code, signal]: unknown[]): void {
    running.delete(this.#child)
    this.#gone = true
    const reason = new CallError('GONE', `the process of ${this.name} ended (${signal ?? code}) ${this.printed}`)
    for (const id of [...this.#waiters.keys()]) this.#fail(id, reason)
  }
}
