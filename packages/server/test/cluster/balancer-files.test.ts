import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BalancerKind, findBalancer, renderBalancer, writeBalancer } from '../../src/cluster/balancer-files.js'

const files = suite('balancer files')
const three = {
  bind: '127.0.0.1:7000',
  servers: [1, 2, 3].map(i => ({ name: `node-${i}`, host: '127.0.0.1', port: 7000 + i })),
}

files('every placeholder is filled', () => {
  for (const kind of ['haproxy', 'nginx'] as const) assert.not.match(renderBalancer(kind, three), /\{\{/)
})

files('the programs take what is written', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-balancer-'))
  try {
    if (installed('haproxy')) {
      const [program = '', , ...args] = writeBalancer('haproxy', dir, three)
      const { status, stdout, stderr } = spawnSync(program, ['-c', ...args])
      assert.is(status, 0, `${stdout}${stderr}`)
      assert.not.match(`${stdout}${stderr}`, /WARNING/)
    }
    if (installed('nginx')) {
      const [program = '', ...args] = writeBalancer('nginx', dir, three)
      execFileSync(program, ['-t', '-q', ...args])
      assert.match(readFileSync(join(dir, 'nginx.conf'), 'utf8'), new RegExp(`include ${dir}/tallymesh.conf;`))
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

files('a directory that would break the configuration, and a missing program, are refused', () => {
  if (installed('nginx')) {
    assert.throws(() => writeBalancer('nginx', '/tmp/a b', three), /use a path without spaces/)
  }
  assert.throws(() => findBalancer('caddy' as BalancerKind, ''), /caddy is not installed on this machine/)
})

function installed(kind: BalancerKind): boolean {
  try {
    return findBalancer(kind) !== ''
  } catch {
    console.log(`SKIP: ${kind} is not installed`)
    return false
  }
}

files.run()
