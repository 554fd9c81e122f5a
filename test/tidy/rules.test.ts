import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkFile } from './rules.js'

const CRDT = 'packages/crdt/src/slot.ts'
const REPLICA = 'packages/replica/src/replica.ts'
const STORE = 'packages/store/src/store.ts'
const LINK = 'packages/link/src/link.ts'
const NODE = 'packages/node/src/node.ts'
const DEMO = 'demo/main.ts'

const fires = suite('a rule fires on')

/** What must be found, in which file, and a part of the sentence. */
const BREACHES: Array<[text: string, path: string, sentence: RegExp]> = [
  ['let x: any', DEMO, /any/],
  ['const x = y as any', DEMO, /any/],
  ['const x = <any>y', DEMO, /any/],
  ['const m = new Map<string, any>()', DEMO, /any/],
  ['const m = (x: string | any[]) => x', DEMO, /any/],
  ['const m = `${x as any}`', DEMO, /any/],
  ['// @ts-ignore\nx()', DEMO, /:1: @ts-ignore/],
  ['\n// @ts-expect-error: because\nx()', DEMO, /:2: @ts-expect-error/],
  ['/* biome-ignore lint: because */', DEMO, /silenced/],
  ['x() // TODO later', DEMO, /open end/],
  ['/** FIXME */', DEMO, /open end/],
  ['x(/* XXX */)', DEMO, /open end/],
  ["test.only('x', f)", 'test/x.ts', /leftover \.only/],
  ['Math.random()', CRDT, /randomness/],
  ['f(Math.random)', REPLICA, /randomness/],
  ['Date.now()', CRDT, /time is an input/],
  ['Date.now()', LINK, /time is an input/],
  ['Date.now()', STORE, /time is an input/],
  ['performance.now()', REPLICA, /time is an input/],
  ['new Date()', REPLICA, /time is an input/],
  ['setTimeout(f, 1)', REPLICA, /timers/],
  ['setInterval(f, 1)', REPLICA, /timers/],
  ['setImmediate(f)', REPLICA, /timers/],
  ['queueMicrotask(f)', CRDT, /timers/],
  ['crypto.randomUUID()', CRDT, /randomness/],
  ["import { readFileSync } from 'node:fs'", CRDT, /:1: import of node:fs: a pure package does no I\/O/],
  ["await import('node:fs')", REPLICA, /no I\/O/],
  ["import '@tallymesh/replica'", CRDT, /down only/],
  ["import type { X } from '@tallymesh/store'", REPLICA, /down only/],
  ["export * from '@tallymesh/replica'", STORE, /down only/],
  ["import { x } from '@tallymesh/store/suite'", LINK, /down only/],
  ["import { x } from 'tallymesh'", 'packages/link/test/x.ts', /down only/],
  ["import { x } from '@tallymesh/server'", NODE, /down only/],
  ["import { x } from '@tallymesh/crdt'", 'packages/extra/src/x.ts', /not written down/],
  ["import { x } from '../../crdt/src/x.js'", STORE, /escapes packages\/store/],
  ["import { x } from '../packages/crdt/src/x.js'", DEMO, /escapes demo/],
  ["import { x } from '../../../../x.js'", STORE, /escapes/],
  ['x()\n'.repeat(301), CRDT, /301 lines, at most 300/],
  ['x()\n'.repeat(301), DEMO, /301 lines/],
  ['x()', 'packages/crdt/src/utils.ts', /drawer/],
  ['x()', 'test/sim/helpers.ts', /drawer/],
  ['x()', 'demo/misc.ts', /drawer/],
  [
    "import { suite } from 'uvu'\nconst a = suite('a')\nconst b = suite('b')\nb.run()",
    'test/x.test.ts',
    /suite a is never run/,
  ],
  ["import { test } from 'uvu'\ntest('a', f)", 'test/x.test.ts', /suite test is never run/],
  [
    "import { suite } from 'uvu'\nconst a = suite<{ n: number }>('a')\n// a.run()",
    'test/x.test.ts',
    /suite a is never run/,
  ],
]

for (const [text, path, sentence] of BREACHES) {
  fires(`${JSON.stringify(text.slice(0, 60))} in ${path}`, () => {
    const breaches = checkFile({ path, text })
    assert.is(breaches.length, 1, breaches.join('\n'))
    assert.match(breaches[0] ?? '', sentence)
    assert.match(breaches[0] ?? '', new RegExp(`^${path}:\\d+: `))
  })
}

fires.run()

const silent = suite('no rule fires on')

const FINE: Array<[text: string, path: string]> = [
  ['// any of them, as any reader sees: any', CRDT],
  ["f('x as any, TODO: y.only( Date.now()')", CRDT],
  ['f(`Math.random ${g(x)} new Date(`)', CRDT],
  ['const many: company = Promise.any(x)', CRDT],
  ['const TODO_LIST = 1', CRDT],
  ['/[/"]TODO/.test(x) // a quote in a class\nconst y = a / b', CRDT],
  ["const s = 'it\\'s' // fine", CRDT],
  ['const o = { a: { b: `${ { c: 1 }.c }` } }', CRDT],
  ['/** Time is an input: no Date.now, no setTimeout, no Math.random here. */', REPLICA],
  ['this.#setTimeout(1); options.crypto', REPLICA],
  ['performance.now(); setTimeout(f, 1)', LINK],
  ['Date.now(); new Date(); Math.random(); setTimeout(f)', NODE],
  ["import { x } from '@tallymesh/replica'\nimport { y } from '@tallymesh/store/suite'", NODE],
  ["import { x } from 'tallymesh'", DEMO],
  ["import { x } from '../src/slot.js'", 'packages/crdt/test/slot.test.ts'],
  ["import { x } from './slot.js'\nimport * as encoding from 'lib0/encoding'", CRDT],
  ['// import { x } from "node:fs"', CRDT],
  ['x()\n'.repeat(300), CRDT],
  ['x()\n'.repeat(400), 'test/sim/long.ts'],
  ["import { suite, test } from 'uvu'\nconst a = suite('a')\na('x', f)\na.run()\ntest.run()", 'test/x.test.ts'],
]

for (const [text, path] of FINE) {
  silent(`${JSON.stringify(text.slice(0, 60))} in ${path}`, () => assert.equal(checkFile({ path, text }), []))
}

silent.run()
