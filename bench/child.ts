import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { NodeOptions } from 'tallymesh'

/** What a child process can be asked for. */
export type Request =
  /** Opens a node. */
  | { readonly type: 'open'; readonly options: NodeOptions }
  /** Counts each of so many counters once, durably. */
  | { readonly type: 'count'; readonly keys: number }
  /** Waits until the node knows so many keys and has so many links. */
  | { readonly type: 'reach'; readonly keys: number; readonly links: number }
  /** Waits until each of the counters has the value `replicas`: all counts of all nodes are here. */
  | { readonly type: 'agree'; readonly keys: number; readonly replicas: number }
  /** Bytes that the process holds in its heap and beside it; only of one that may collect garbage by itself. */
  | { readonly type: 'memory' }
  /** Processor time of the process so far. */
  | { readonly type: 'cpu' }
  /** From now on each new value of the counter is told, with the time that it was seen. */
  | { readonly type: 'watch'; readonly counter: string }
  /** From now on counters below `keys` are counted so many times a second, at random, not awaited; where no node is open, objects. */
  | { readonly type: 'load'; readonly perSecond: number; readonly keys: number }
  /** From now on a synced put every so many milliseconds into a LevelDB database. */
  | { readonly type: 'puts'; readonly path: string; readonly everyMs: number; readonly bytes: number }
  /** Ends the load; answers how many times it counted. */
  | { readonly type: 'unload' }
  /** Counts once, and waits until that is durable here. Answers when it was called and when it was acknowledged. */
  | { readonly type: 'probe'; readonly counter: string }
  /** The longest time that the event loop stood still since the last such question, and the longest pause of the garbage collector. */
  | { readonly type: 'stall' }
  /** Reads a snapshot of all slots. */
  | { readonly type: 'export' }
  /** Reads every byte of a LevelDB database and builds a Map of `keys` counters. */
  | { readonly type: 'scan'; readonly path: string; readonly keys: number }
  /** Bytes for each of `keys` counters of a Yjs document that so many nodes counted; as `memory`. */
  | { readonly type: 'yjs'; readonly keys: number; readonly replicas: number }
  | { readonly type: 'close' }

/** How it answers. */
export interface Answer {
  readonly ms?: number
  readonly gcMs?: number
  readonly bytes?: number
  readonly count?: number
  readonly calledNs?: bigint
  readonly ackedNs?: bigint
  readonly url?: string | undefined
  readonly error?: string
}

/** Told without being asked. The time is of the machine's monotonic clock, which its processes share. */
export interface Seen {
  readonly seen: number
  readonly atNs: bigint
}

const ANSWER_MS_MAX = 60_000
const CLOSE_MS_MAX = 10_000
const script = fileURLToPath(new URL('./child-main.js', import.meta.url))

/** A process of our own that runs a node, or nothing. */
export class Child {
  readonly #process: ChildProcess
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  onSeen: (seen: Seen) => void = () => {}

  /** @param flags of Node.js */
  constructor(flags: readonly string[] = []) {
    this.#process = fork(script, [], { serialization: 'advanced', execArgv: [...process.execArgv, ...flags] })
    this.#process.on('message', (message: Answer | Seen) => {
      if ('seen' in message) this.onSeen(message)
      else if (message.error !== undefined) this.#waiting?.reject(new Error(message.error))
      else this.#waiting?.resolve(message)
    })
    this.#process.on('exit', () => this.#waiting?.reject(new Error('a child process ended early')))
  }

  /** One question at a time. */
  async ask(request: Request, withinMs = ANSWER_MS_MAX): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        timer = setTimeout(() => reject(new Error(`no answer to ${request.type} in ${withinMs} ms`)), withinMs)
        this.#process.send(request)
      })
    } finally {
      clearTimeout(timer)
      this.#waiting = undefined
    }
  }

  /** Ends the process, in peace where it can. */
  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return
    const exited = once(this.#process, 'exit')
    try {
      await this.ask({ type: 'close' }, CLOSE_MS_MAX)
      this.#process.disconnect()
    } catch {
      this.#process.kill('SIGKILL')
    }
    await exited
  }
}
