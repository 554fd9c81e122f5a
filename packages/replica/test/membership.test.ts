import { type MemberEntry, storeId } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Membership } from '../src/membership.js'

const test = suite('membership')

const OWN = storeId('0'.repeat(32))
const A = storeId('a'.repeat(32))
const B = storeId('b'.repeat(32))

function member(store: typeof A, removed = false, urls: string[] = [`ws://${store[0]}`]): MemberEntry {
  return { kind: 'member', store, name: `node-${store[0]}`, urls, removed }
}

function peer(store: typeof A, name = `node-${store[0]}`) {
  return { name, store, instance: name, replica: 0 as const, urls: [`ws://${store[0]}`] }
}

test('members are this store, those recorded or met, and seeds that were never reached', () => {
  const members = new Membership(OWN, 1000, ['ws://a', 'ws://x', 'ws://y'])
  assert.is(members.count, 4)
  members.met(peer(A), 0)
  assert.is(members.count, 4)
  members.record(member(B))
  assert.is(members.count, 5)
  members.reached('ws://x')
  assert.is(members.count, 4)
  members.record(member(OWN))
  assert.is(members.count, 4)
})

test('other seeds may be expected, but not under an address that a member has', () => {
  const members = new Membership(OWN, 1000, ['ws://x', 'ws://y'])
  assert.is(members.count, 3)
  members.met(peer(A), 0)
  members.expect(['ws://x', 'ws://a'])
  assert.is(members.count, 3, 'this store, a and x')
  members.reached('ws://x')
  assert.is(members.count, 2)
  members.expect([])
  assert.is(members.count, 2)
})

test('a removal is for good and no longer counts', () => {
  const members = new Membership(OWN, 1000, [])
  members.record(member(A))
  members.record(member(B, true))
  members.record(member(B, false))
  assert.ok(members.isRemoved(B))
  assert.not.ok(members.isRemoved(A))
  assert.not.ok(members.isRemoved(OWN))
  assert.is(members.count, 2)
})

test('a record without name or URLs keeps those known', () => {
  const members = new Membership(OWN, 1000, [])
  members.record(member(A))
  members.record({ ...member(A), name: '', urls: [] })
  assert.is(members.get(A)?.name, 'node-a')
  assert.equal(members.get(A)?.urls, ['ws://a'])
})

test('who is met under another name has to be recorded anew', () => {
  const members = new Membership(OWN, 1000, [])
  members.record(member(A))
  members.met(peer(A), 0)
  assert.ok(members.get(A)?.recorded)
  members.met(peer(A, 'renamed'), 0)
  assert.not.ok(members.get(A)?.recorded)
})

test('a member is up while it is linked and heard, then suspect, then down', () => {
  const members = new Membership(OWN, 1000, [])
  const states = (nowMs: number) => members.judge(nowMs).map(({ name, state }) => `${name} ${state}`)
  members.record(member(B))
  members.met(peer(A), 0)
  assert.equal(states(0), ['node-a up'])
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 1000) {
    members.heartbeat(A, nowMs)
    assert.equal(states(nowMs), [])
  }
  assert.equal(states(11_500), [])
  assert.equal(states(12_150), ['node-a suspect'])
  assert.equal(states(15_000), ['node-a down'])
  assert.ok(members.phi(A, 15_000) > 10)
  assert.is(members.phi(B, 15_000), 0)
  members.resume(15_000)
  assert.equal(states(15_000), ['node-a up'])
  members.left(A)
  assert.equal(states(15_000), ['node-a suspect'])
  members.met(peer(A), 16_000)
  assert.equal(states(16_000), ['node-a up'])
})

test('heartbeats of a store that nobody knows change nothing', () => {
  const members = new Membership(OWN, 1000, [])
  members.heartbeat(A, 0)
  assert.is(members.get(A), undefined)
  assert.is(members.count, 1)
})

test('a stall of this node brings nobody nearer who is not linked', () => {
  const members = new Membership(OWN, 1000, [])
  members.met(peer(A), 0)
  members.met(peer(B), 0)
  members.left(A)
  members.judge(60_000)
  assert.equal([members.get(A)?.state, members.get(B)?.state], ['down', 'down'])
  members.resume(60_000)
  members.judge(60_001)
  assert.equal([members.get(A)?.state, members.get(B)?.state], ['down', 'up'])
})

test.run()
