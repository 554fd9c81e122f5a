import { counterKey, parseCounterKey } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allShow, inCluster } from './cluster.js'

const names = suite('names')

/** Ordinary names, all of them. */
const STRANGE = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '0', '-1', 'null', 'undefined', 'NaN'],
  ...[
    '../x',
    '..',
    '.',
    'a/b',
    '/',
    '\\',
    'a\\b',
    'a{b',
    '}',
    '"',
    "'",
    'a b',
    ' ',
    'a,b="c"',
    '%2F',
    '?x=1',
    '#',
    '<b>',
  ],
  ...[
    '😀',
    '👩‍👩‍👧',
    '\uffff',
    '\ufeff',
    '\u2028',
    '\u202e',
    'é',
    'e\u0301',
    'Å',
    'A\u030a',
    'x'.repeat(256),
    'é'.repeat(128),
  ],
]
const KEYS = [
  ...STRANGE.map(name => counterKey(name)),
  ...STRANGE.map(value => counterKey('labelled', { __proto: value, constructor: value })),
]

names(
  'of every ordinary kind go to disk, through a restart, to a peer and into its listing',
  inCluster(async cluster => {
    const a = await cluster.start('a')
    await Promise.all(KEYS.map((key, i) => a.add(key, i + 1)))
    await a.kill()
    const again = await cluster.start('a')
    const b = await cluster.start('b')
    await allShow([again, b], KEYS.at(-1) ?? '', KEYS.length)
    const wanted = KEYS.map((key, i): [string, number] => [key, i + 1]).sort(([x], [y]) => (x < y ? -1 : 1))
    for (const node of [again, b]) {
      const listed = (await node.call('counters')).sort(([x], [y]) => (x < y ? -1 : 1))
      assert.equal(listed, wanted)
    }
    assert.is(new Set(KEYS).size, KEYS.length, 'NFC and NFD are two names')
    for (const key of KEYS) {
      const { name, labels } = parseCounterKey(key)
      assert.is(counterKey(name, labels), key)
    }
    assert.equal(await b.call('counters', '__proto__'), [['__proto__', 1]])
  }),
)

names(
  'of nodes and rooms may be strange too',
  inCluster(async cluster => {
    const room = '../__proto__/😀'
    const a = await cluster.start('a', { name: 'constructor', room })
    const b = await cluster.start('b', { name: '../é', room })
    await Promise.all([a.add('orders', 1), b.add('orders', 20)])
    await allShow([a, b], 'orders', 21)
    assert.equal((await a.call('members')).map(({ name }) => name).sort(), ['../é', 'constructor'])
  }),
)

names.run()
