import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddOptions, NodeOptions, NodeStatus, PeerEvent } from 'tallymesh'
import type { Call, Told, ToldError, Verb, Verbs } from './command.js'
import { programPath } from './program.js'
import { until } from './until.js'

const PROGRAM = programPath('node-process.js', new URL('./node-process.js', import.meta.url))

const PRINTED_CHARS_MAX = 4_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Why a call was not answered by its process: a TallymeshError's code, or `GONE` where the process ended first. */
export class CallError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

interface Waiter {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: Error) => void
}

/** What a process is started with. */
export interface Launch {
  /** Node's own arguments. */
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What it prints is kept rather than passed on. */
  readonly keepsPrinted?: boolean
}

/** A node in a process of its own, seen from the test. */
export class NodeHandle {
  readonly name: string
  /** What its `error`, `peer` and `status` events told, oldest first. */
  readonly errors: ToldError[] = []
  readonly peers: PeerEvent[] = []
  readonly statuses: NodeStatus[] = []
  /** How long opening took; 0 until it is open. */
  openMs = 0
  /** The end of what it printed, where that is kept. */
  printed = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #waiters = new Map<number, Waiter>()
  #calls = 0
  #gone = false

  constructor(
    /** With which it is opened. */
    public options: NodeOptions,
    { execArgv = ['--expose-gc'], env = {}, keepsPrinted = false }: Launch = {},
  ) {
    this.name = options.name
    this.#child = fork(PROGRAM, [], {
      serialization: 'advanced',
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
      ...(keepsPrinted ? { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] } : {}),
    })
    running.add(this.#child)
    const streams = [this.#child.stdout, this.#child.stderr].filter(stream => stream !== null)
    for (const stream of streams) {
      stream.on('data', text => {
        this.printed = (this.printed + text).slice(-PRINTED_CHARS_MAX)
      })
    }
    this.#child.on('message', (told: Told) => this.#take(told))
    this.#child.on('error', () => {})
    // Not the child's `close`: Node emits none once the parent has disconnected.
    const printed = Promise.all(streams.map(stream => once(stream, 'close')))
    this.#exited = Promise.all([once(this.#child, 'exit'), printed]).then(([how]) => this.#end(how))
  }

  /** Starts a process and opens the node in it. @throws CallError what `openNode` refused; the process is gone then */
  static async start(options: NodeOptions): Promise<NodeHandle> {
    const handle = new NodeHandle(options)
    try {
      handle.openMs = await handle.call('open', options)
      return handle
    } catch (error) {
      await handle.kill()
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

  /** @throws CallError */
  call<V extends Verb>(verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>> {
    return this.send({}, verb, ...args)
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

  add(key: string, amount = 1, options?: AddOptions): Promise<void> {
    return this.call('add', key, amount, options)
  }

  async value(key: string): Promise<number> {
    const { increments, decrements } = await this.call('totals', key)
    return increments - decrements
  }

  async replica(): Promise<string | undefined> {
    return (await this.call('stats')).replica
  }

  /** Waits until it has that many links. */
  async linked(links: number): Promise<void> {
    await until(`${links} link(s) of ${this.name}`, async () => {
      const now = (await this.call('stats')).links
      return now === links || `${now}`
    })
  }

  /** Waits until the node has reported an error with this code. */
  async reported(code: string): Promise<ToldError> {
    await until(`${code} reported by ${this.name}`, () => {
      return this.errors.some(error => error.code === code) || this.errors.map(error => error.code).join(' ')
    })
    return this.errors.find(error => error.code === code) as ToldError
  }

  /** As a crash ends it: nothing is flushed. Resolves once the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Holds the process where it is: it keeps its sockets and answers nothing. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
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
    for (const id of [...this.#waiters.keys()]) {
      this.#fail(id, new CallError('GONE', `the process of ${this.name} ended (${signal ?? code}) ${this.printed}`))
    }
  }
}
