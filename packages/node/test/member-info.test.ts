import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemberInfo, removable } from '../src/member-info.js'
import { inLab, meshed } from './lab.js'
import { thrown, until } from './wait.js'

const info = suite('member-info')

info(
  'tells the live replica ids of linked members, and how surely a silent one is down',
  inLab(async lab => {
    const a = await lab.memory('a', { listen: { port: 0 } })
    const b = await lab.memory('b', { peers: [a.url as string] })
    await meshed(a, b)
    assert.equal(
      a.members().map(({ name, replica, self }) => [name, replica, self]),
      [
        ['a', undefined, true],
        ['b', undefined, false],
      ],
    )
    await Promise.all([a.counter('k').increment(), b.counter('k').increment()])
    await until('both ids are known', () => [a, b].every(node => node.members().every(({ replica }) => replica)))
    const ids = [a, b].map(node => node.stats.replica)
    assert.equal(
      a.members().map(({ replica }) => replica),
      ids,
    )
    assert.equal(
      b.members().map(({ replica }) => replica),
      ids.toReversed(),
    )
    assert.is(a.members()[0]?.phi, 0)
    await b.close()
    await until('b is down', () => a.members()[1]?.state === 'down')
    assert.ok((a.members()[1] as MemberInfo).phi >= 10)
    assert.is(a.members()[1]?.replica, undefined)
  }),
)

info('finds whom to remove by name or store, of those that are not up', () => {
  const member = (name: string, store: string, state: MemberInfo['state'], self = false): MemberInfo => {
    return { ...{ name, store, state, self }, ...{ replica: undefined, url: undefined, lag: 0, phi: 0 } }
  }
  const members = [
    member('a', '1', 'up', true),
    member('b', '2', 'up'),
    member('b', '3', 'down'),
    member('c', '4', 'suspect'),
  ]
  assert.equal(removable(members, 'b'), ['3'])
  assert.equal(removable(members, '4'), ['4'])
  assert.is(thrown(() => removable(members, 'a')).code, 'MEMBER_UNKNOWN')
  assert.is(thrown(() => removable(members, 'd')).code, 'MEMBER_UNKNOWN')
  assert.is(thrown(() => removable(members, '2')).code, 'MEMBER_UP')
})

info.run()
