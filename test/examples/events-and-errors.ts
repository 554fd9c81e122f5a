import { ERROR_CODES, openNode, TallymeshError } from 'tallymesh'

/** Listens to what a node tells, and tells refusals apart by their codes. Answers what was heard. */
export async function eventsAndErrors(dirA: string, dirB: string): Promise<string[]> {
  const heard: string[] = []
  const a = await openNode({ name: 'a', dataDir: dirA, listen: { port: 0 } })
  a.on('peer', ({ name, state }) => heard.push(`${name} is ${state}`))
  a.on('error', error => heard.push(`${error.code}: ${ERROR_CODES[error.code]}`))
  a.on('status', status => heard.push(`this node is ${status}`))

  const up = new Promise<void>(resolve => a.on('peer', ({ state }) => state === 'up' && resolve()))
  const b = await openNode({ name: 'b', dataDir: dirB, peers: [a.url ?? ''] })
  await up
  for (const { name, state, lag, self } of a.members()) if (!self) heard.push(`member ${name}: ${state}, lag ${lag}`)

  try {
    await a.counter('orders').increment(0.5)
  } catch (error) {
    if (error instanceof TallymeshError && error.code === 'INVALID_AMOUNT') heard.push('half an order was refused')
  }
  try {
    await openNode({ name: 'second', dataDir: dirA })
  } catch (error) {
    if (error instanceof TallymeshError && error.code === 'STORE_LOCKED') heard.push('the directory is taken')
  }
  await b.close()
  await a.close()
  return heard
}
