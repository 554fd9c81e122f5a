import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BalancerKind, findBalancer, renderBalancer } from '@tallymesh/server'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ADDRESSES, DEPLOY, FILES } from './balancer-renderings.js'

const test = suite('deploy: balancers')
for (const [kind, file] of FILES) {
  test(`deploy/${file} is what tallymesh cluster runs, for nodes on ports 7001 to 7003`, () => {
    const advice = 'node test/dist/deploy/write-balancers.js writes it anew'
    assert.is(readFileSync(join(DEPLOY, file), 'utf8'), renderBalancer(kind, ADDRESSES), advice)
  })
}

test('HAProxy takes deploy/haproxy.cfg without a warning', () => {
  const program = find('haproxy')
  if (program === undefined) return
  const { status, stdout, stderr } = spawnSync(program, ['-c', '-f', join(DEPLOY, 'haproxy.cfg')])
  assert.is(status, 0, `${stdout}${stderr}`)
  assert.not.match(`${stdout}${stderr}`, /WARNING/)
})

test('NGINX takes deploy/nginx.conf into the http block of an ordinary configuration', () => {
  const program = find('nginx')
  if (program === undefined) return
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-nginx-'))
  try {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      name => `${name}_temp_path ${dir}/${name};`,
    )
    const main = ['user root;', `pid ${dir}/pid;`, 'events { worker_connections 768; }', 'http {', ...temporary]
    const include = `include ${join(DEPLOY, 'nginx.conf')}; }`
    writeFileSync(join(dir, 'nginx.conf'), [...main, 'gzip on; sendfile on; tcp_nopush on;', include, ''].join('\n'))
    const { status, stderr } = spawnSync(program, ['-t', '-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')])
    assert.is(status, 0, `${stderr}`)
    assert.not.match(`${stderr}`, /\[(?:warn|error|emerg)\](?! the "user" directive)/)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

function find(kind: BalancerKind): string | undefined {
  try {
    return findBalancer(kind)
  } catch {
    console.log(`SKIP: ${kind} is not installed`)
    return undefined
  }
}

test.run()
