import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkGroup } from '../src/counter-group.js'
import type { CommitEvent } from '../src/events.js'
import { agreed, Gate, inLab, meshed } from './lab.js'
import { refusal, thrown, until, within } from './wait.js'

const group = suite('counter-group')

group('is checked as a whole, with the canonical key of each', () => {
  const entries = [
    { key: 'orders{b="2",a="1"}', add: -(2 ** 53 - 1) },
    { key: 'orders', add: 1 },
  ]
  assert.equal(checkGroup(entries), [
    { key: 'orders{a="1",b="2"}', add: -(2 ** 53 - 1), cell: undefined },
    { key: 'orders', add: 1, cell: undefined },
  ])
  assert.is(checkGroup(new Array(2_000).fill({ key: 'k', add: 1 })).length, 2_000)
  const refused: ReadonlyArray<readonly [unknown, string, RegExp]> = [
    [undefined, 'INVALID_OPTION', /1 to 2000 counts .* got undefined; nothing was counted/],
    [{ 0: { key: 'k', add: 1 }, length: 1 }, 'INVALID_OPTION', /got object/],
    [[], 'INVALID_OPTION', /got 0/],
    [new Array(2_001).fill({ key: 'k', add: 1 }), 'INVALID_OPTION', /got 2001/],
    [
      [
        { key: 'k', add: 1 },
        { key: '', add: 1 },
      ],
      'INVALID_NAME',
      /^entry 1: /,
    ],
    [[{ add: 1 }], 'INVALID_NAME', /^entry 0: .* got undefined/],
    [[null], 'INVALID_NAME', /./],
    [new Array(2), 'INVALID_NAME', /./],
    [['k'], 'INVALID_NAME', /./],
    [[{ key: 'k', add: 0 }], 'INVALID_AMOUNT', /^entry 0: .*nothing was counted/],
    [[{ key: 'k', add: 1.5 }], 'INVALID_AMOUNT', /nothing was counted/],
    [[{ key: 'k', add: 2 ** 53 }], 'INVALID_AMOUNT', /nothing was counted/],
    [[{ key: 'k', add: '1' }], 'INVALID_AMOUNT', /nothing was counted/],
    [[{ key: 'k' }], 'INVALID_AMOUNT', /nothing was counted/],
  ]
  for (const [entries, code, message] of refused) {
    const error = thrown(() => checkGroup(entries as never))
    assert.is(error.code, code)
    assert.match(error.message, message)
  }
})

group(
  'is counted in one commit, and a reader who reached its position has it',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    assert.is(a.position, '')
    const adds = [
      { key: 'orders{region="eu"}', add: 5 },
      { key: 'stock', add: -7 },
      { key: 'orders{region="eu"}', add: -1 },
    ]
    const { commits } = a.stats
    await a.add(adds)
    assert.is(a.stats.commits, commits + 1)
    assert.equal(a.counterByKey('orders{region="eu"}').totals, { increments: 5n, decrements: 1n })
    await within('b takes it in', b.reached(a.position, 10_000))
    assert.equal([b.counter('orders', { region: 'eu' }).value, b.counter('stock').value], [4, -7])
    assert.match(a.position, /^[0-9a-f]+:\d+$/)
    assert.is((await refusal('no position', b.reached('x', 10))).code, 'INVALID_OPTION')
    assert.is((await refusal('nobody is there', b.reached('1f:9', 10))).code, 'NOT_CAUGHT_UP')
    await a.add([{ key: 'stock', add: 1 }], { replicas: 2 })
    await agreed([a, b], 'stock', -6)
  }),
)

group(
  'counts nothing at all where a part of it may not be counted',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const a = await lab.memory('a', {}, disk)
    await a.counter('full').increment(2 ** 53 - 1)
    const refused: ReadonlyArray<readonly [Parameters<typeof a.add>, string]> = [
      [
        [
          [
            { key: 'k', add: 1 },
            { key: 'k', add: 0 },
          ],
        ],
        'INVALID_AMOUNT',
      ],
      [
        [
          [
            { key: 'k', add: 1 },
            { key: 'full', add: 1 },
          ],
        ],
        'COUNTER_OVERFLOW',
      ],
      [
        [
          [
            { key: 'k', add: 1 },
            { key: 'a b{', add: 1 },
          ],
        ],
        'INVALID_NAME',
      ],
      [[[{ key: 'k', add: 1 }], { replicas: 0 }], 'INVALID_OPTION'],
      [[[]], 'INVALID_OPTION'],
    ]
    for (const [args, code] of refused) assert.is((await refusal(`it is ${code}`, a.add(...args))).code, code)
    assert.is(a.reader('k').value, 0n)
    assert.is(a.refusal, undefined)
    disk.sync = () => Promise.reject(new Error('no space left'))
    await refusal('the disk fails', a.counter('other').increment())
    assert.is(a.refusal?.code, 'NOT_READY')
    assert.is((await refusal('the node waits for its disk', a.add([{ key: 'k', add: 1 }]))).code, 'NOT_READY')
    assert.is((await refusal('what is wrong is told first', a.add([{ key: 'k', add: 0 }]))).code, 'INVALID_AMOUNT')
    disk.sync = undefined
    await until('the node is ready again', () => a.refusal === undefined)
    await a.close()
    assert.is((await refusal('the node is closed', a.add([{ key: 'k', add: 1 }]))).code, 'NODE_CLOSED')
    assert.is(a.refusal?.code, 'NODE_CLOSED')
  }),
)

group(
  'is told as a commit to who listens',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const gate = new Gate(disk)
    const a = await lab.memory('a', {}, disk)
    await a.add([{ key: 'unheard', add: 1 }])
    const commits: CommitEvent[] = []
    const listener = (commit: CommitEvent) => commits.push(commit)
    a.on('commit', listener)
    gate.shut()
    const held = a.add([
      { key: 'x', add: 1 },
      { key: 'y', add: 2 },
    ])
    await until('the write waits', () => gate.waiting === 1)
    assert.equal(commits, [])
    gate.open()
    await held
    await until('it is told', () => commits.length === 1)
    const [{ entries, bytes, writeMs, totalMs }] = commits as [CommitEvent]
    assert.is(entries, 2)
    assert.ok(bytes > 0 && writeMs >= 0 && totalMs >= writeMs)
    a.off('commit', listener)
    await a.counter('x').increment()
    assert.is(commits.length, 1)
    assert.ok(a.stats.commitEntries >= 4 && a.stats.commitBytes > bytes)
  }),
)

group.run()
