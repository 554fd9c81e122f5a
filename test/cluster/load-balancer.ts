import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'

/** Spreads HTTP requests over the backends, and leaves out those that are down. */
export interface LoadBalancer {
  readonly port: number
  close(): Promise<void>
}

export interface LoadBalancerKind {
  readonly name: string
  /** What has to be installed. */
  readonly program: string | undefined
  /** @param dir an existing directory for its files */
  start(port: number, backends: readonly number[], dir: string): Promise<LoadBalancer>
}

export const LOAD_BALANCERS: readonly LoadBalancerKind[] = [
  { name: 'a small round robin', program: undefined, start: startRoundRobin },
  {
    name: 'HAProxy',
    program: '/usr/sbin/haproxy',
    start: (port, backends, dir) =>
      startProgram(dir, port, haproxy(port, backends), file => ['/usr/sbin/haproxy', '-db', '-f', file]),
  },
  {
    name: 'NGINX',
    program: '/usr/sbin/nginx',
    start: (port, backends, dir) =>
      startProgram(dir, port, nginx(port, backends, dir), file => [
        '/usr/sbin/nginx',
        '-p',
        dir,
        '-e',
        'stderr',
        '-c',
        file,
      ]),
  },
]

export function installed({ program }: LoadBalancerKind): boolean {
  return program === undefined || existsSync(program)
}

/** Only a failed connection is tried again elsewhere: a request that was sent may have been counted. */
function haproxy(port: number, backends: readonly number[]): string {
  const servers = backends.map((backend, i) => `  server node${i} 127.0.0.1:${backend} check inter 200ms fall 1 rise 1`)
  return [
    'defaults',
    ...['  mode http', '  timeout connect 1s', '  timeout client 10s', '  timeout server 10s', '  timeout check 1s'],
    ...['  retries 2', '  option redispatch 1', '  retry-on conn-failure'],
    'frontend counters',
    `  bind 127.0.0.1:${port}`,
    '  default_backend nodes',
    'backend nodes',
    ...['  balance roundrobin', '  option httpchk GET /readyz', ...servers, ''],
  ].join('\n')
}

function nginx(port: number, backends: readonly number[], dir: string): string {
  const servers = backends.map(backend => `server 127.0.0.1:${backend} max_fails=1 fail_timeout=1s;`).join(' ')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${dir}/${name};`,
  )
  return [
    ...['daemon off;', 'master_process off;', `pid ${dir}/nginx.pid;`, 'error_log /dev/null;', 'events {}', 'http {'],
    ...['access_log off;', ...temporary, `upstream nodes { ${servers} }`],
    `server { listen 127.0.0.1:${port};`,
    'location / { proxy_pass http://nodes; proxy_connect_timeout 1s; proxy_next_upstream error timeout; } } }',
    '',
  ].join('\n')
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

async function startProgram(
  dir: string,
  port: number,
  configuration: string,
  command: (file: string) => string[],
): Promise<LoadBalancer> {
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'configuration')
  writeFileSync(file, configuration)
  const [program = '', ...args] = command(file)
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  running.add(child)
  const exited = once(child, 'exit').then(() => running.delete(child))
  const close = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return { port, close }
}

async function startRoundRobin(port: number, backends: readonly number[]): Promise<LoadBalancer> {
  let next = 0
  const server = createServer((request, response) => forward(request, response, backends.length))
  const forward = (request: IncomingMessage, response: ServerResponse, attempts: number): void => {
    if (attempts === 0) return void response.writeHead(503).end()
    const { method, url: path } = request
    const backend = backends[next++ % backends.length]
    const onward = httpRequest({ host: '127.0.0.1', port: backend, method, path, agent: false }, answer => {
      response.writeHead(answer.statusCode ?? 502)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') forward(request, response, attempts - 1)
      else if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
    onward.end()
  }
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { port, close }
}
