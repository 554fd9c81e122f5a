import { MemoryDisk } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newOperationId } from '../src/new-operation-id.js'
import type { TallymeshNode } from '../src/node.js'
import { agreed, inLab, type Lab, type LabOptions, meshed } from './lab.js'
import { refusal, until, within } from './wait.js'

const FOLDING = { foldAfterMs: 50, foldGraceMs: 0 } as const
const leaving = suite('leaving')

async function room(lab: Lab, names: readonly string[], options: LabOptions = {}): Promise<TallymeshNode[]> {
  const nodes: TallymeshNode[] = []
  for (const name of names) {
    nodes.push(await lab.open(name, { ...options, peers: nodes.map(({ url }) => url as string) }))
  }
  await meshed(...nodes)
  return nodes
}

function names(node: TallymeshNode): string {
  return node
    .members()
    .map(({ name }) => name)
    .sort()
    .join()
}

leaving(
  'goes for good: what it counted stays, its id is folded, its directory is refused',
  inLab(async lab => {
    const [a, b, c] = (await room(lab, ['a', 'b', 'c'], FOLDING)) as [TallymeshNode, TallymeshNode, TallymeshNode]
    for (const [i, each] of [a, b, c].entries()) await each.counter('k').increment(10 ** i)
    const operation = newOperationId()
    await c.counter('k').increment(1_000, { operation })
    const last = c.counter('k').increment(10_000)
    const id = c.members()[0]?.replica
    const leaves = [c.leave(), c.leave({ timeoutMs: 1 })]
    const refused = await refusal('counting is refused at once', c.counter('k').increment())
    assert.equal([refused.code, refused.message], ['NODE_CLOSED', 'the node leaves the room; nothing was counted'])
    await within('it leaves', Promise.all([last, ...leaves]))
    assert.is(c.status, 'closed')
    assert.equal(lab.told(c).states, ['draining', 'closed'])
    assert.equal(lab.codes(c), ['NODE_CLOSED'], 'of the count alone')
    await until('the others know', () => names(a) === 'a,b' && names(b) === 'a,b')
    await agreed([a, b], 'k', 11_111)
    await b.counter('k').increment(1, { operation: newOperationId(), replicas: 'majority' })
    await a.counter('k').increment(1_000, { operation })
    await agreed([a, b], 'k', 11_112)
    await until('its id is folded', () => a.stats.logs === 2 && b.stats.logs === 2)
    for (const node of [a, b]) assert.ok(![...(await node.exportSlots())].some(({ replica }) => replica === id))
    assert.equal([a.counter('k').value, b.counter('k').value], [11_112, 11_112])
    const again = await refusal('the directory is refused', lab.open('c', { peers: [a.url as string] }))
    assert.is(again.code, 'MEMBER_REMOVED')
    assert.match(
      again.message,
      /removed from the room for good, or left it.*Start the node with an empty data directory/,
    )
    assert.is(
      (
        await refusal(
          'it is closed',
          c.leave().then(() => c.removeMember('a')),
        )
      ).code,
      'NODE_CLOSED',
    )
  }),
)

leaving(
  'hands on what nobody else is there to give: the logs of its earlier ids, and of members that are gone',
  inLab(async lab => {
    const first = await lab.open('c', { runtimeDir: false })
    await first.counter('k').increment(3)
    await first.close()
    const c = await lab.open('c', { runtimeDir: false })
    const b = await lab.open('b', { peers: [c.url as string] })
    const a = await lab.open('a', { peers: [c.url as string, b.url as string] })
    await within('it leaves', c.leave())
    await agreed([a, b], 'k', 3)
    assert.equal([names(a), names(b)], ['a,b', 'a,b'])
  }),
)

leaving(
  'stays a member while another one is away, and says who; nothing is lost',
  inLab(async lab => {
    const [a, b, c] = (await room(lab, ['a', 'b', 'c'])) as [TallymeshNode, TallymeshNode, TallymeshNode]
    await b.close()
    await until('b is missed', () => c.stats.links === 1)
    await c.counter('k').increment(5)
    const late = await refusal('b is away', c.leave({ timeoutMs: 200 }))
    assert.is(late.code, 'LEAVE_TIMEOUT')
    assert.match(late.message, /still a member.* b \((?:suspect|down)\)/)
    assert.is(c.status, 'closed')
    assert.is(names(a), 'a,b,c')
    const again = await lab.open('c', { peers: [a.url as string] })
    assert.is(again.counter('k').value, 5)
    await until('b is down', () => a.members().some(({ name, state }) => name === 'b' && state !== 'up'))
    await a.removeMember('b')
    await within('it leaves', again.leave())
    assert.equal([names(a), a.counter('k').value], ['a', 5])
  }),
)

leaving(
  'is refused to the only member, which goes on',
  inLab(async lab => {
    const a = await lab.open('a')
    await a.counter('k').increment()
    assert.is(a.leaveRefusal?.code, 'LEAVE_REFUSED')
    assert.is((await refusal('it is alone', a.leave())).code, 'LEAVE_REFUSED')
    assert.is((await refusal('the time is none', a.leave({ timeoutMs: 0 }))).code, 'INVALID_OPTION')
    await a.counter('k').increment()
    assert.equal([a.status, a.counter('k').value], ['ready', 2])
  }),
)

leaving(
  'never leaves a room empty: of those that leave at once some stay members',
  inLab(async lab => {
    const nodes = await room(lab, ['a', 'b', 'c'])
    await Promise.all(nodes.map(each => each.counter('k').increment()))
    await agreed(nodes, 'k', 3)
    const outcomes = await within(
      'all end',
      Promise.all(nodes.map(each => each.leave({ timeoutMs: 5_000 }).catch((error: { code: string }) => error.code))),
    )
    await Promise.all(nodes.map(each => each.close()))
    const stayed = nodes.filter((_, i) => outcomes[i] !== undefined)
    assert.ok(stayed.length > 0, String(outcomes))
    // What another one counted may not have come to the disk of one that gave up at once.
    const again: TallymeshNode[] = []
    for (const { name } of stayed) {
      again.push(await lab.open(name, { peers: again.map(({ url }) => url as string) }))
    }
    await agreed(again, 'k', 3)
  }),
)

leaving(
  'ends when it is closed, and survives a disk that fails for a moment',
  inLab(async lab => {
    const disk = new MemoryDisk()
    const a = await lab.open('a')
    const b = await lab.open('b', { peers: [a.url as string] })
    const c = await lab.memory('c', { peers: [a.url as string, b.url as string] }, disk)
    await meshed(a, b, c)
    await c.counter('k').increment(7)
    let failing = true
    disk.sync = () => (failing ? Promise.reject(new Error('no space left')) : Promise.resolve())
    const left = c.leave()
    await until('the disk failed', () => lab.codes(c).includes('INDETERMINATE'))
    failing = false
    await within('it leaves', left)
    await agreed([a, b], 'k', 7)
    assert.equal([names(a), c.status], ['a,b', 'closed'])
    await a.close()
    await until('a is missed', () => b.stats.links === 0)
    const slow = b.leave()
    const ended = refusal('it is closed meanwhile', slow)
    await b.close()
    assert.is((await ended).code, 'NODE_CLOSED')
  }),
)

leaving.run()
