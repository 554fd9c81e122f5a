import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findTests } from '../run/find-tests.js'
import { errorsDoc } from './errors-doc.js'
import { checkFile } from './rules.js'
import { sourceFiles } from './tree.js'

// This file is compiled to test/dist/tidy/tidy.test.js.
const root = fileURLToPath(new URL('../../..', import.meta.url))
const files = sourceFiles(root)
const paths = new Set(files.map(file => file.path))

/** Test files of packages that stand beside no source of the same name, each with the reason. */
const WITHOUT_SOURCE = new Map<string, string>([
  ['packages/link/test/memory-link.test.ts', 'runs the contract suite of the port against the link in memory'],
  ['packages/store/test/contract.test.ts', 'runs the contract suite of the port against every store'],
  ['packages/store/test/formats.test.ts', 'holds all readers of LevelDB files against files that LevelDB wrote'],
  ['packages/store/test/size.test.ts', 'a property of a whole store on disk'],
  ['packages/store/test/full-disk.test.ts', 'a condition of the disk, which many sources meet'],
  ['packages/replica/test/crash.test.ts', 'crashes and disks of whole rooms, which many sources meet'],
  ['packages/replica/test/frames.test.ts', 'hostile frames, which many sources meet'],
  ['packages/store/test/process.test.ts', 'a condition of the process, which many sources meet'],
  ['packages/client/test/operations.test.ts', 'calls with ids, from the buffer to the servers'],
  ['packages/server/test/store-trouble.test.ts', 'a condition of the disk, which many sources meet'],
])

const tree = suite('the source tree')

function none(breaches: readonly string[]): void {
  assert.ok(breaches.length === 0, `${breaches.length} breach(es)\n    ${breaches.join('\n    ')}`)
}

tree('keeps the rules for files', () => {
  assert.ok(files.length > 0)
  none(files.flatMap(checkFile))
})

tree('has no test file that the runner does not run', () => {
  const run = new Set(findTests(root, 0).map(test => test.source))
  none([...paths].filter(path => path.endsWith('.test.ts') && !run.has(path)))
})

tree('has a source for every test file of a package', () => {
  const tests = [...paths].filter(path => /^packages\/[^/]+\/test\/.*\.test\.ts$/.test(path))
  const sourceOf = (path: string): string => path.replace('/test/', '/src/').replace(/\.test\.ts$/, '.ts')
  none(
    tests
      .filter(path => !paths.has(sourceOf(path)) && !WITHOUT_SOURCE.has(path))
      .map(
        path => `${path}: there is no ${sourceOf(path)}; rename it, or list it with a reason in test/tidy/tidy.test.ts`,
      ),
  )
  none([...WITHOUT_SOURCE.keys()].filter(path => !paths.has(path)).map(path => `${path}: listed, but gone`))
})

tree('uses every error code', () => {
  const sources = files.filter(file => /^packages\/[^/]+\/src\//.test(file.path) && !file.path.endsWith('/errors.ts'))
  none(
    Object.keys(ERROR_CODES)
      .filter(code => !sources.some(file => file.text.includes(`'${code}'`)))
      .map(code => `${code}: nothing throws or reports it`),
  )
})

tree('documents every error code', () => {
  const hint = 'docs/ERRORS.md is out of date; write it anew by: node test/dist/tidy/errors-doc.js'
  assert.ok(readFileSync(join(root, 'docs/ERRORS.md'), 'utf8') === errorsDoc(), hint)
})

tree.run()
