import { openNode } from 'tallymesh'

/** Takes a node that is gone for good out of the room. Its counts stay; majorities are counted without it. */
export async function removeMember(
  dirA: string,
  dirB: string,
): Promise<{ orders: number; members: string[]; keys: number }> {
  const a = await openNode({ name: 'a', dataDir: dirA, listen: { port: 0 } })
  const b = await openNode({ name: 'b', dataDir: dirB, peers: [a.url ?? ''] })
  await b.counter('orders').increment(5, { replicas: 2, timeoutMs: 20_000 })
  const gone = new Promise<void>(resolve => a.on('peer', ({ state }) => state === 'down' && resolve()))
  await b.close()
  await gone
  await a.removeMember('b')
  const { keys } = a.stats
  const answer = { orders: a.counter('orders').value, members: a.members().map(({ name }) => name), keys }
  await a.close()
  return answer
}
