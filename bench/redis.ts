import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { randomOrder } from './order.js'
import type { Scratch } from './scratch.js'

const START_MS_MAX = 5_000

/** A Redis server of our own that syncs every write, and one connection to it. Commands of one turn leave in one packet, as
 *  clients with automatic pipelining do it. */
export class Redis {
  readonly #server: ChildProcess
  readonly #socket: Socket
  #waiting: Array<{ resolve: () => void; reject: (error: Error) => void }> = []
  #answered = 0
  #outgoing = ''
  #rest = ''
  readonly #kill = () => this.#server.kill('SIGKILL')

  private constructor(server: ChildProcess, socket: Socket) {
    this.#server = server
    this.#socket = socket
    process.on('exit', this.#kill)
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#receive(text))
    socket.on('close', () => this.#fail(new Error('Redis closed the connection')))
  }

  /** Undefined where redis-server is not installed. */
  static async start(scratch: Scratch): Promise<Redis | undefined> {
    if (spawnSync('redis-server', ['--version']).status !== 0) return undefined
    const dir = scratch.dir()
    mkdirSync(dir)
    const path = join(dir, 'socket')
    const options = { port: '0', unixsocket: path, dir, save: '', appendonly: 'yes', appendfsync: 'always' }
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
    const server = spawn('redis-server', args, { stdio: 'ignore' })
    const deadlineMs = performance.now() + START_MS_MAX
    for (;;) {
      const socket = createConnection(path)
      try {
        await once(socket, 'connect')
        return new Redis(server, socket)
      } catch (error) {
        if (performance.now() > deadlineMs || server.exitCode !== null) throw error
        await pause(20)
      }
    }
  }

  /** A function that counts on `keys` keys in random order. */
  counting(keys: number): () => Promise<void> {
    const commands = Array.from({ length: keys }, (_, i) => {
      const key = `of${keys}:${i}`
      return `*2\r\n$4\r\nINCR\r\n$${key.length}\r\n${key}\r\n`
    })
    const order = randomOrder(16_384, keys)
    let next = 0
    return () => this.#send(commands[order[next++ & 16_383] as number] as string)
  }

  /** A function that counts as `counting` does, each time under a fresh id that is remembered for ten minutes. */
  countingOnce(keys: number): () => Promise<void> {
    const script = "return redis.call('SET', KEYS[2], '', 'NX', 'EX', '600') and redis.call('INCR', KEYS[1]) or 0"
    const order = randomOrder(16_384, keys)
    let next = 0
    return () => {
      const words = ['EVAL', script, '2', `once:${order[next++ & 16_383]}`, `id:${crypto.randomUUID()}`]
      return this.#send(`*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`)
    }
  }

  async stop(): Promise<void> {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
    if (this.#server.exitCode !== null) return
    process.off('exit', this.#kill)
    this.#kill()
    await once(this.#server, 'exit')
  }

  #send(command: string): Promise<void> {
    if (this.#outgoing === '') {
      queueMicrotask(() => {
        this.#socket.write(this.#outgoing)
        this.#outgoing = ''
      })
    }
    this.#outgoing += command
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Every answer to INCR is one line: an integer, or an error. */
  #receive(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop() as string
    for (const line of lines) {
      const waiting = this.#waiting[this.#answered++]
      if (line.startsWith(':')) waiting?.resolve()
      else waiting?.reject(new Error(`Redis answered ${line}`))
    }
    this.#waiting.splice(0, this.#answered)
    this.#answered = 0
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
