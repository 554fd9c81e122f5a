import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('the entries')

/** All that is loaded with a module of this package: its own modules by their names, others as they are imported. */
function loadedWith(name: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(name)) return loaded
  loaded.add(name)
  // This file is compiled to dist/test/index.test.js.
  const text = readFileSync(new URL(`../src/${name}.js`, import.meta.url), 'utf8')
  for (const [, from = ''] of text.matchAll(/^(?:import|export)\b(?:[^;'"`]*?from )?['"]([^'"]+)['"]/gm)) {
    if (from.startsWith('./')) loadedWith(from.slice(2).replace(/\.js$/, ''), loaded)
    else loaded.add(from)
  }
  return loaded
}

const foreign = (name: string): string[] => [...loadedWith(name)].filter(each => /[:/@]/.test(each)).sort()

test('what pages load imports nothing of Node, and what Node loads nothing of IndexedDB', () => {
  assert.ok(loadedWith('index').has('client'))
  assert.equal(foreign('index'), [])
  assert.equal(foreign('indexed-db-outbox'), [])
  assert.equal(foreign('file-outbox'), ['node:crypto', 'node:fs/promises', 'node:net', 'node:path', 'node:zlib'])
  for (const entry of ['index', 'file-outbox']) assert.not.ok(loadedWith(entry).has('indexed-db-outbox'))
  for (const entry of ['index', 'indexed-db-outbox']) assert.not.ok(loadedWith(entry).has('file-outbox'))
})

test.run()
