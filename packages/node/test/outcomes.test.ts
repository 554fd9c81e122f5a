import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Outcomes } from '../src/outcomes.js'
import type { Ticket } from '../src/tickets.js'
import { isPending, refusal } from './wait.js'

const outcomes = suite('outcomes')

outcomes('counts of one commit that want the same share a ticket, for a hundredth of its time', async () => {
  const told = new Outcomes(() => {})
  const opened: Ticket[] = []
  const durable = told.promises.of(1)
  const wanted = { commit: 1, replicas: 2, timeoutMs: 1_000 } as const
  const follow = (nowMs: number, other: object = {}) =>
    told.follow(durable, { ...wanted, ...other }, nowMs, ticket => opened.push(ticket))
  const first = follow(0)
  assert.is(follow(10), first)
  assert.is(opened.length, 1)
  const others = [follow(11), follow(11, { replicas: 3 }), follow(11, { timeoutMs: 2_000 }), follow(11, { commit: 2 })]
  assert.is(new Set([first, ...others]).size, 5)
  assert.is(opened.length, 5)
  told.promises.acknowledge(1, 2)
  assert.ok(await isPending(first))
  told.tickets.confirm(opened[0]?.ticket as number)
  await first
  const late = told.unconfirmed(opened[1]?.ticket as number, 1, 2)
  assert.is(await refusal('the second is not confirmed', others[0] as Promise<void>), late)
})

outcomes.run()
