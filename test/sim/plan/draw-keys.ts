import { counterKey } from '@tallymesh/crdt'
import type { Stream } from '../draw.js'

/** Names that careless code trips over: properties of objects, near the limits, twins under normalisation, words of our own. */
const HOSTILE: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'length',
    'replicas',
    'null',
    '0',
    '-1',
    '1e3',
  ],
  ...[
    ' ',
    'a b',
    '#',
    '"',
    '"a"',
    '\\',
    '{',
    'a{',
    '}',
    ',',
    '=',
    "'",
    '%00',
    'a/../b',
    'log/1',
    '\u{1F980}',
    'é',
    'e\u0301',
  ],
  ...[
    'счётчик',
    '計数器',
    'عداد',
    '\u200b',
    '\u202e',
    '\ufeff',
    'x'.repeat(256),
    'é'.repeat(128),
    '\u{1F980}'.repeat(64),
  ],
  'x'.repeat(255),
].map(name => counterKey(name))

const LABELLED: readonly string[] = [
  counterKey('orders', { region: 'eu' }),
  counterKey('orders', { region: 'us' }),
  counterKey('orders', { region: '' }),
  counterKey('orders', { region: 'eu', status: '200' }),
  counterKey('orders', { path: '/a "b" \\c' }),
  counterKey('orders', Object.fromEntries([['__proto__', 'x']])),
  counterKey('{', { a: '}', b: ',' }),
  counterKey('y'.repeat(256), { z: 'é'.repeat(128) }),
]

/** The longest key that there is. */
const LONGEST = counterKey(
  'w'.repeat(256),
  Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`l${i}`, 'v'.repeat(256)])),
)
const PLAIN: readonly string[] = ['orders', 'errors', 'visits', 'likes', 'stock', 'logins', 'bytes', 'retries']
const NUMBERED: readonly string[] = Array.from({ length: 300 }, (_, i) => `k${i}`)

/** What work counts on: one or some hot keys, a few, many, or those that are most likely to be mistaken. */
export type KeyShape = 'hot' | 'few' | 'many' | 'hostile'

/** Draws the keys of a room, all different and canonical.
 *  @param countMin no fewer than this many, 300 at most */
export function drawKeys(stream: Stream, shape: KeyShape, countMin: number): readonly string[] {
  const keys = new Set<string>()
  if (shape === 'hostile') {
    if (stream.chance(0.5)) keys.add('__proto__')
    if (stream.chance(0.1)) keys.add(LONGEST)
    for (let i = 4 + stream.int(14); i > 0; i--) keys.add(stream.pick(stream.chance(0.7) ? HOSTILE : LABELLED))
  } else if (shape !== 'many') {
    const count = shape === 'hot' ? 1 + stream.int(2) : 3 + stream.int(6)
    for (let i = 0; i < count && i < PLAIN.length; i++) keys.add(PLAIN[i] as string)
    if (shape === 'few' && stream.chance(0.3)) keys.add(stream.pick(LABELLED))
  }
  const count = Math.max(countMin, shape === 'many' ? 40 + stream.int(260) : keys.size)
  for (let i = 0; keys.size < count; i++) keys.add(NUMBERED[i] as string)
  return [...keys]
}
