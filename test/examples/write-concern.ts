import { openNode, TallymeshError } from 'tallymesh'

/** Counts on two nodes and waits until both disks have it; then asks for more disks than there are. */
export async function writeConcern(dirA: string, dirB: string): Promise<string> {
  const a = await openNode({ name: 'a', dataDir: dirA, listen: { port: 0 } })
  const b = await openNode({ name: 'b', dataDir: dirB, peers: [a.url ?? ''] })
  const orders = b.counter('orders')
  await orders.increment(1, { replicas: 2, timeoutMs: 20_000 })
  await orders.increment(1, { replicas: 'majority', timeoutMs: 20_000 })
  let outcome = 'confirmed'
  try {
    await orders.increment(1, { replicas: 3, timeoutMs: 200 })
  } catch (error) {
    if (!(error instanceof TallymeshError)) throw error
    // NOT_REPLICATED: it is counted and durable here, and will spread. Trying again would count it twice.
    // INDETERMINATE: the disk failed; it may or may not have been counted. Any other code: nothing was counted.
    outcome = `${error.code}, and the counter is ${orders.value}`
  }
  await Promise.all([a.close(), b.close()])
  return outcome
}
