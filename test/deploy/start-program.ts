import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The program that an installed package has as `tallymesh`. */
export const PROGRAM = fileURLToPath(new URL('../../../packages/server/bin/tallymesh.js', import.meta.url))

/** What `tallymesh start --help` says. */
export function startHelp(): string {
  return execFileSync(process.execPath, [PROGRAM, 'start', '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  })
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Runs `tallymesh` for as long as `use` takes. */
export async function whileRunning(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  use: (said: () => string) => Promise<void>,
): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (text += chunk))
  const gone = once(child, 'close')
  try {
    await use(() => text)
  } finally {
    child.kill('SIGKILL')
    await gone
  }
}
