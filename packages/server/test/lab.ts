import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import type { TallymeshNode } from 'tallymesh'
import type { ServerOptions } from '../src/options.js'
import { startServer, type TallymeshServer } from '../src/server.js'

const POLL_MS = 5

/** What was answered. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, where it is JSON. */
  readonly json: Record<string, unknown>
}

/** Servers and directories of one test. */
export class ServerLab {
  readonly path = mkdtempSync(join(tmpdir(), 'tallymesh-server-'))
  readonly servers: TallymeshServer[] = []

  options(name: string, options: Partial<ServerOptions> = {}): ServerOptions {
    return {
      ...{ name, dataDir: join(this.path, name), runtimeDir: join(this.path, 'run'), room: 'lab' },
      listen: { host: '127.0.0.1', port: 0 },
      ...{ heartbeatMs: 50, antiEntropyMs: 100, closeTimeoutMs: 1_000, drainMs: 0, shutdownTimeoutMs: 2_000 },
      ...options,
    }
  }

  async start(name: string, options: Partial<ServerOptions> = {}): Promise<TallymeshServer> {
    const server = await startServer(this.options(name, options))
    this.servers.push(server)
    return server
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(server => server.close()))
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Runs a test with a lab of its own. */
export function inServerLab(run: (lab: ServerLab) => Promise<void>): () => Promise<void> {
  return async () => {
    const lab = new ServerLab()
    try {
      await run(lab)
    } finally {
      await lab.close()
    }
  }
}

/** One request, on a connection of its own. */
export async function ask(server: { readonly url: string }, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, { ...init, headers: { connection: 'close', ...init.headers } })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  const json = /\/(?:problem\+)?json/.test(type) ? JSON.parse(text || 'null') : {}
  return { status: response.status, headers: response.headers, text, json }
}

/** Posts JSON, or a text that claims to be JSON. */
export function post(
  server: { readonly url: string },
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(server, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

/** The TallymeshError that a promise is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<TallymeshError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof TallymeshError) return error
    throw error
  }
  throw new Error('it was not refused')
}

/** Waits until `condition` holds; fails with `what` after `deadlineMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 15_000,
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** Waits until every node is linked with every other one. */
export async function meshed(...servers: TallymeshServer[]): Promise<void> {
  const nodes: TallymeshNode[] = servers.map(({ node }) => node)
  await until('the nodes are a full mesh', () =>
    nodes.every(node => node.stats.links === nodes.length - 1 && node.members().every(({ state }) => state === 'up')),
  )
}
