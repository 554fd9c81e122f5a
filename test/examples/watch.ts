import { openNode } from 'tallymesh'

/** Follows a counter until it reaches `goal`. A slow reader gets the newest value and skips what lies between. */
export async function watch(dataDir: string, goal: number): Promise<number[]> {
  const node = await openNode({ name: 'watcher', dataDir })
  const visits = node.counter('visits')
  const seen: number[] = []
  const reader = (async () => {
    for await (const value of visits.watch()) {
      seen.push(value)
      if (value >= goal) break
    }
  })()
  for (let i = 0; i < goal; i++) await visits.increment()
  await reader
  await node.close()
  return seen
}
