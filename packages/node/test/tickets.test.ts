import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { notReplicated, Tickets } from '../src/tickets.js'
import { isPending, refusal } from './wait.js'

const tickets = suite('tickets')

tickets('settle one by one, and ignore what nobody waits for', async () => {
  const waiting = new Tickets()
  const a = waiting.add({ commit: 1, replicas: 2, timeoutMs: 100 })
  const b = waiting.add({ commit: 1, replicas: 'majority', timeoutMs: 100 })
  waiting.confirm(a.ticket.ticket)
  waiting.confirm(a.ticket.ticket)
  await a.confirmed
  const late = notReplicated('1 of 2 stores confirmed it in time')
  assert.match(late.message, /counted and durable here, but 1 of 2 .* do not retry/)
  waiting.reject(b.ticket.ticket, late)
  assert.is(await refusal('the second is refused', b.confirmed), late)
  assert.is([...waiting.values()].length, 0)
})

tickets('fail up to a commit', async () => {
  const waiting = new Tickets()
  const old = waiting.add({ commit: 1, replicas: 2, timeoutMs: 100 })
  const young = waiting.add({ commit: 2, replicas: 2, timeoutMs: 100 })
  const lost = new TallymeshError('INDETERMINATE', 'lost')
  waiting.failUpTo(1, lost)
  assert.is(await refusal('the older one fails', old.confirmed), lost)
  assert.ok(await isPending(young.confirmed))
  assert.equal(
    [...waiting.values()].map(({ commit, replicas, timeoutMs }) => [commit, replicas, timeoutMs]),
    [[2, 2, 100]],
  )
})

tickets.run()
