import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closing } from './close.js'
import { doorClient } from './door-client.js'
import { eventsAndErrors } from './events-and-errors.js'
import { exactlyOnce } from './exactly-once.js'
import { quickstart } from './quickstart.js'
import { removeMember } from './remove-member.js'
import { watch } from './watch.js'
import { writeConcern } from './write-concern.js'

const examples = suite('the examples')

const SOURCES = fileURLToPath(new URL('../../examples/', import.meta.url))

let dir = ''
examples.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), 'tallymesh-examples-'))
})
examples.after.each(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))

const a = () => join(dir, 'a')
const b = () => join(dir, 'b')

examples('quickstart: the counts are there again the next time', async () => {
  assert.is(await quickstart(a()), 3)
  assert.is(await quickstart(a()), 6)
})

examples('write concern', async () => {
  assert.is(await writeConcern(a(), b()), 'NOT_REPLICATED, and the counter is 3')
})

examples('watch: values rise to the goal', async () => {
  const seen = await watch(a(), 20)
  assert.is(seen.at(-1), 20)
  assert.equal(
    seen,
    [...new Set(seen)].sort((x, y) => x - y),
  )
})

examples('exactly once, though tried three times on two nodes', async () => {
  assert.is(await exactlyOnce(a(), b()), 1)
})

examples('a client of the door', async () => {
  assert.is(await doorClient(a()), 42)
})

examples('events and errors', async () => {
  const heard = await eventsAndErrors(a(), b())
  for (const line of ['b is up', 'half an order was refused', 'the directory is taken', 'this node is closed']) {
    assert.ok(heard.includes(line), `${line} is not in ${heard.join(' | ')}`)
  }
  assert.ok(
    heard.some(line => line.startsWith('INVALID_AMOUNT: ')) && heard.some(line => line.startsWith('member b: up')),
  )
})

examples('close: what was counted and not awaited has reached the peer', async () => {
  assert.is(await closing(a(), b()), 1000)
})

examples('removing a member: its counts stay', async () => {
  const { orders, members, keys } = await removeMember(a(), b())
  assert.equal({ orders, members, keys }, { orders: 5, members: ['a'], keys: 1 })
})

examples('cover every method of a node and of a counter, and every option', () => {
  const text = readdirSync(SOURCES)
    .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map(name => readFileSync(join(SOURCES, name), 'utf8'))
    .join('\n')
  const words = [
    ...['counter(', 'counterByKey(', 'counters(', 'members()', 'removeMember(', '.stats', '.on(', '.close()', '.url'],
    ...[
      'increment(',
      'decrement(',
      '.watch()',
      'replicas: 2',
      "'majority'",
      'timeoutMs',
      'closeTimeoutMs',
      'CounterView',
    ],
  ]
  for (const word of words) assert.ok(text.includes(word), `no example has ${word}`)
})

examples.run()
