import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Scratch } from './scratch.js'
import { freePort } from './server-process.js'

const START_MS_MAX = 10_000
const KEY = base64('counter')

/** A single etcd server of our own, and a counter in it that is read, compared and swapped over its JSON gateway. */
export class Etcd {
  readonly #process: ChildProcess
  readonly #kill = () => this.#process.kill('SIGKILL')

  private constructor(
    process_: ChildProcess,
    readonly url: string,
  ) {
    this.#process = process_
    process.on('exit', this.#kill)
  }

  static version(): string | undefined {
    const { status, stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' })
    return status === 0 ? `etcd ${/Version: ([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version'}` : undefined
  }

  /** Undefined where etcd is not installed. */
  static async start(scratch: Scratch): Promise<Etcd | undefined> {
    if (Etcd.version() === undefined) return undefined
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
    const place = ['--data-dir', scratch.dir(), '--listen-client-urls', client, '--advertise-client-urls', client]
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer]
    const args = [...place, ...peers, '--initial-cluster', `default=${peer}`, '--log-level', 'error']
    const etcd = new Etcd(spawn('etcd', args, { stdio: 'ignore' }), client)
    const deadlineMs = performance.now() + START_MS_MAX
    for (;;) {
      try {
        await etcd.#ask('put', { key: KEY, value: base64('0') })
        return etcd
      } catch (error) {
        if (performance.now() > deadlineMs) throw error
        await pause(20)
      }
    }
  }

  /** A function that adds 1: it swaps the value that it knows, and where another was quicker, tries again with that one's. */
  counting(): () => Promise<void> {
    let known = { value: '0', revision: '-1' }
    return async () => {
      for (;;) {
        const value = `${Number(known.value) + 1}`
        const answer = await this.#ask('txn', {
          compare: [{ key: KEY, target: 'MOD', result: 'EQUAL', modRevision: known.revision }],
          success: [{ requestPut: { key: KEY, value: base64(value) } }],
          failure: [{ requestRange: { key: KEY } }],
        })
        if (answer.succeeded) {
          known = { value, revision: answer.header.revision }
          return
        }
        const [found] = answer.responses[0]?.response_range?.kvs ?? []
        if (!found) throw new Error('etcd has no counter')
        known = { value: Buffer.from(found.value, 'base64').toString(), revision: found.mod_revision }
      }
    }
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill)
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#kill()
    await exited
  }

  async #ask(verb: 'put' | 'txn', body: unknown): Promise<Answer> {
    const response = await fetch(`${this.url}/v3/kv/${verb}`, { method: 'POST', body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`etcd answered ${response.status}`)
    return (await response.json()) as Answer
  }
}

interface Answer {
  readonly header: { readonly revision: string }
  readonly succeeded?: boolean
  readonly responses: ReadonlyArray<{
    readonly response_range?: { readonly kvs: ReadonlyArray<{ readonly value: string; readonly mod_revision: string }> }
  }>
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** What a benchmark says of etcd below its tables. */
export function etcdNote(): string {
  const version = Etcd.version()
  return version === undefined
    ? 'etcd is not in PATH: it was not measured'
    : `${version}, one member, over its JSON gateway`
}
