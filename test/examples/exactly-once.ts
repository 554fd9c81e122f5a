import { newOperationId, openNode } from 'tallymesh'

/** Tries one count until some node says that it is counted: however often that is, and on whichever nodes, it counts once. */
export async function exactlyOnce(dirA: string, dirB: string): Promise<number> {
  const a = await openNode({ name: 'a', dataDir: dirA, listen: { port: 0 } })
  const b = await openNode({ name: 'b', dataDir: dirB, peers: [a.url ?? ''] })
  const operation = newOperationId() // Made once, before the first try; a program that may crash writes it down first.
  for (const node of [a, b, a]) {
    await node.counter('orders').increment(1, { operation })
  }
  // Other counts under the same id are a mistake of the program: OPERATION_MISMATCH.
  const refused = await b
    .counter('orders')
    .increment(2, { operation })
    .then(
      () => false,
      () => true,
    )
  const { value } = b.counter('orders')
  await b.close()
  await a.close()
  return refused ? value : -1
}
