import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const test = suite('pack')

interface Packed {
  readonly files: ReadonlyArray<{ readonly path: string }>
}

interface Manifest {
  readonly type: string
  readonly license: string
  readonly exports: Record<string, { readonly types: string; readonly default: string }>
}

for (const name of readdirSync(join(root, 'packages'))) {
  test(`packages/${name} packs what its users need, and nothing else`, () => {
    const dir = join(root, 'packages', name)
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: dir,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString(),
    ) as Packed[]
    const files = packed?.files.map(({ path }) => path) ?? []
    const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as Manifest
    assert.is(manifest.type, 'module')
    assert.is(manifest.license, 'MIT')
    for (const entry of Object.values(manifest.exports)) {
      assert.ok(files.includes(entry.types.slice(2)), `${entry.types} is not packed`)
      assert.ok(files.includes(entry.default.slice(2)), `${entry.default} is not packed`)
    }
    const wanted =
      /^(dist\/src\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|bin\/[a-z]+\.js|balancer\/[a-z-]+\.(cfg|conf)|package\.json|README\.md|LICENSE)$/
    assert.equal(
      files.filter(file => !wanted.test(file)),
      [],
    )
  })
}

test.run()
