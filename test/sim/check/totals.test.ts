import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { breaks, StagedRoom, stagedReplica } from './staged-room.js'
import { isSubsetSum } from './subset-sum.js'

const test = suite('the checks of totals')

test('what was acknowledged is in the total, once', () => {
  const room = () => {
    const staged = new StagedRoom()
    staged.add('a', [['k', 1]])
    staged.add('b', [['k', 2]], 2)
    staged.add('b', [['k', -4]], 2, 2)
    return staged
  }
  room().finish({ k: [3, 4] })
  breaks('lost', () => room().finish({ k: [1, 4] }), /operation 2 .* were missing/)
  breaks('lost', () => room().finish({ k: [3, 0] }), /decrements .* operation 3 .* were missing/)
  breaks('doubled', () => room().finish({ k: [5, 4] }), /operation 2 .* were counted twice/)
  breaks('total', () => room().finish({ k: [99, 4] }))
  breaks('lost', () => room().finish({}))
  breaks('total-above', () => room().finish({ k: [3, 4], l: 1 }), /"l"/)
})

test('what was refused is not counted, and what is in doubt may be', () => {
  const room = () => {
    const staged = new StagedRoom(['stop'])
    staged.add('a', [['k', 1]])
    staged.end(staged.attempt('a', [['k', 2]]), 'NODE_CLOSED', 1, 0)
    staged.end(staged.attempt('a', [['k', 4]]), 'INDETERMINATE')
    staged.attempt('a', [['k', 8]])
    staged.kill('a')
    staged.start('a')
    return staged
  }
  for (const k of [1, 5, 9, 13]) room().finish({ k })
  breaks('refused-counted', () => room().finish({ k: 3 }), /operation 2 .*NODE_CLOSED\) were counted/)
  breaks('lost', () => room().finish({ k: 4 }))
  // 21 is 1 + 4 + 8 + 8.
  breaks('doubled', () => room().finish({ k: 21 }), /operation 4/)
  assert.is(room().checks.figures.indeterminate, 1)
})

test('NOT_REPLICATED is counted', () => {
  const room = new StagedRoom()
  room.end(room.attempt('a', [['k', 1]], 2), 'NOT_REPLICATED')
  breaks('lost', () => room.finish({}))
})

test('a group counts whole or not at all', () => {
  const room = (faults: 'stop' | 'wipe') => {
    const staged = new StagedRoom(['stop', faults])
    staged.attempt('a', [
      ['k', 1],
      ['l', -2],
    ])
    staged.kill('a')
    if (faults === 'wipe') staged.wipe('a')
    staged.start('a', ...(faults === 'wipe' ? ['STORE_WIPED'] : []))
    return staged
  }
  room('stop').finish({})
  room('stop').finish({ k: 1, l: [0, 2] })
  breaks('torn', () => room('stop').finish({ k: 1 }), /counted in part: without "l"/)
  breaks('torn', () => room('stop').finish({ l: [0, 2] }), /counted in part: with "l"/)
  // Others may have got a part of what only a lost disk held.
  room('wipe').finish({ k: 1 })
})

test('amounts that are not distinct add up', () => {
  const room = () => {
    const staged = new StagedRoom(['stop'])
    staged.add('a', [['k', 3]])
    staged.add('a', [['k', 3]], 1, 2)
    for (const amount of [5, 5, 7]) staged.end(staged.attempt('a', [['k', amount]]), 'INDETERMINATE')
    return staged
  }
  for (const k of [6, 11, 13, 16, 18, 23]) room().finish({ k })
  for (const k of [7, 12, 22]) breaks('total', () => room().finish({ k }))
  breaks('lost', () => room().finish({ k: 5 }))
  for (const k of [14, 26]) breaks('doubled', () => room().finish({ k }))
})

test('all nodes show the same', () => {
  const room = new StagedRoom(['stop'])
  room.end(room.attempt('a', [['k', 1]]), 'INDETERMINATE')
  const nodes = ['a', 'b'].map((node, i) => ({
    ...{ node, disk: room.disk(node), replica: stagedReplica(), keys: ['k'] },
    read: (key: string) => ({ increments: key === 'k' ? BigInt(i) : 0n, decrements: 0n }),
  }))
  breaks('disagree', () => room.checks.finish(nodes), /"k" is \+0 -0 on a, and \+1 -0 on b/)
})

test('a wrong total that only one node shows is told as what it is', () => {
  const room = new StagedRoom()
  room.add('a', [['k', 1]])
  const nodes = ['a', 'b'].map((node, i) => ({
    ...{ node, disk: room.disk(node), replica: stagedReplica(), keys: ['k'] },
    read: () => ({ increments: BigInt(1 + i), decrements: 0n }),
  }))
  breaks('doubled', () => room.checks.finish(nodes), /on b is 2/)
})

test('a call of a process that runs ends', () => {
  const room = new StagedRoom()
  const operation = room.attempt('a', [['k', 1]])
  const waiting = room.attempt('a', [['l', 1]], 3)
  breaks('unanswered', () => room.finish({ k: 1, l: 1 }), /operation 1/)
  room.end(operation)
  room.finish({ k: 1, l: 1 })
  room.end(waiting, 'NOT_REPLICATED')
  room.finish({ k: 1, l: 1 })
})

test('an operation is told once', () => {
  const room = new StagedRoom()
  const operation = room.add('a', [['k', 1]])
  breaks('observation', () => room.end(operation))
  breaks('observation', () => room.checks.attempted(operation))
  breaks('observation', () => room.end({ ...operation, id: 7 }))
})

test('sums of some amounts are found as by trying all', () => {
  const sets = [[1], [1, 1, 2], [3, 5, 9], [2 ** 40, 7, 2 ** 52, 2 ** 40], [70_000, 1, 5, 70_000]]
  for (const amounts of sets) {
    const sums = new Set<bigint>()
    for (let subset = 0; subset < 2 ** amounts.length; subset++) {
      sums.add(amounts.reduce((sum, amount, i) => sum + ((subset >> i) & 1 ? BigInt(amount) : 0n), 0n))
    }
    for (const sum of sums) {
      for (const near of [sum - 1n, sum, sum + 1n])
        assert.is(isSubsetSum(near, amounts), sums.has(near), `${near} of ${amounts}`)
    }
  }
  assert.is(
    isSubsetSum(
      1n,
      Array.from({ length: 30 }, () => 2 ** 50),
    ),
    undefined,
  )
  assert.is(
    isSubsetSum(
      -1n,
      Array.from({ length: 30 }, () => 2 ** 50),
    ),
    false,
  )
})

test.run()
