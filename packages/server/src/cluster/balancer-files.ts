import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'

export type BalancerKind = 'haproxy' | 'nginx'

export interface BalancerAddresses {
  /** `host:port` where the balancer listens. */
  readonly bind: string
  readonly servers: readonly { readonly name: string; readonly host: string; readonly port: number }[]
}

/** Both are often outside the PATH of a user who is not root. */
const DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
const TEMPLATES = new URL('../../../balancer/', import.meta.url)

/** The configuration for HAProxy, or for NGINX's `http` block. */
export function renderBalancer(kind: BalancerKind, { bind, servers }: BalancerAddresses): string {
  const lines = servers.map(({ name, host, port }) =>
    kind === 'haproxy' ? `  server ${name} ${host}:${port}` : `  server ${host}:${port} max_fails=1 fail_timeout=1s;`,
  )
  // The same nodes a second time: they are checked once.
  const operations = servers.map(({ name }, i) => `${lines[i]} track nodes/${name}`).join('\n')
  return fill(kind === 'haproxy' ? 'haproxy.cfg' : 'nginx.conf', { bind, servers: lines.join('\n'), operations })
}

/** Writes what the balancer needs into `directory`, made if missing, and answers the command that runs it in the foreground.
 *  @throws TallymeshError INVALID_OPTION where the program is not installed */
export function writeBalancer(kind: BalancerKind, directory: string, addresses: BalancerAddresses): string[] {
  const program = findBalancer(kind)
  const home = resolve(directory)
  if (/[\s{};"'\\]/.test(home)) {
    throw new TallymeshError(
      'INVALID_OPTION',
      `the balancer's files cannot lie in ${JSON.stringify(home)}; use a path without spaces and quotes`,
    )
  }
  mkdirSync(home, { recursive: true })
  const text = renderBalancer(kind, addresses)
  if (kind === 'haproxy') {
    const file = join(home, 'haproxy.cfg')
    writeFileSync(file, text)
    return [program, '-db', '-f', file]
  }
  writeFileSync(join(home, 'tallymesh.conf'), text)
  const file = join(home, 'nginx.conf')
  writeFileSync(file, fill('nginx-main.conf', { directory: home }))
  return [program, '-e', 'stderr', '-p', home, '-c', file]
}

/** Where the program is. @throws TallymeshError INVALID_OPTION where it is not installed */
export function findBalancer(kind: BalancerKind, path = process.env.PATH ?? ''): string {
  const directories = [...path.split(':').filter(directory => directory !== ''), ...DIRECTORIES]
  const found = directories.map(directory => join(directory, kind)).find(isProgram)
  if (found !== undefined) return found
  const advice = `install it (apt-get install ${kind}), or leave --lb out`
  throw new TallymeshError('INVALID_OPTION', `--lb ${kind}: ${kind} is not installed on this machine; ${advice}`)
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  const text = readFileSync(new URL(template, TEMPLATES), 'utf8')
  return Object.entries(values).reduce((text, [mark, value]) => text.replaceAll(`{{${mark}}}`, value), text)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
