import { openNode } from 'tallymesh'

/** Ends a node as a service does when it is told to stop: what was counted is durable, and given to the peers. */
export async function closing(dirA: string, dirB: string): Promise<number> {
  const a = await openNode({ name: 'a', dataDir: dirA, listen: { port: 0 } })
  const b = await openNode({ name: 'b', dataDir: dirB, peers: [a.url ?? ''], closeTimeoutMs: 10_000 })
  const shutDown = async () => {
    await b.close()
    process.off('SIGTERM', shutDown)
  }
  process.once('SIGTERM', shutDown)

  const linked = new Promise<void>(resolve => b.on('peer', ({ state }) => state === 'up' && resolve()))
  await linked
  for (let i = 0; i < 1000; i++) b.counter('orders').increment() // Nobody awaits these.
  await shutDown()
  // From here on b counts nothing: the promise is refused with NODE_CLOSED.
  const refused = await b
    .counter('orders')
    .increment()
    .then(
      () => false,
      () => true,
    )
  const { value } = a.counter('orders')
  await a.close()
  return refused ? value : -1
}
