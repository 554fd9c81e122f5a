import { openNode } from 'tallymesh'

/** Opens a node, counts, and reads. The counts are there again when the node is opened the next time. */
export async function quickstart(dataDir: string): Promise<number> {
  const node = await openNode({
    name: 'api-1',
    dataDir,
    room: 'shop',
    listen: { host: '127.0.0.1', port: 0 },
    token: process.env.TALLYMESH_TOKEN,
  })
  const orders = node.counter('orders', { region: 'eu' })
  orders.increment() // Counted now, durable within milliseconds.
  await orders.increment(3) // Durable when this resolves.
  await orders.decrement(1)
  for (const [key, value] of node.counters({ prefix: 'ord' })) console.log(`${key} is ${value}`)
  const { value } = node.counterByKey('orders{region="eu"}')
  await node.close()
  return value
}
