import { TallymeshClient } from '@tallymesh/client'
import { randomOrder } from './order.js'

/** Calls of the client library, on a number of counters. */
export interface ClientCalls {
  /** One request that adds 1 to all of them; with an operation id, as is the default. */
  readonly withIds: () => Promise<unknown>
  /** The same without an id. */
  readonly plain: () => Promise<unknown>
  /** Adds 1 to one of them at random; what is added within a millisecond goes together. */
  readonly gathered: { readonly withIds: () => Promise<unknown>; readonly plain: () => Promise<unknown> }
  readonly close: () => Promise<void>
}

export function clientCalls(url: string, keys: number): ClientCalls {
  const names = Array.from({ length: keys }, (_, i) => `orders{shop="${i}"}`)
  const entries = names.map(key => ({ key, add: 1 }))
  const clients = [true, false].flatMap(operations =>
    [0, 1].map(maxDelayMs => new TallymeshClient({ urls: [url], operations, maxDelayMs })),
  )
  const [withIds, gatheredWithIds, plain, gatheredPlain] = clients as [
    TallymeshClient,
    TallymeshClient,
    TallymeshClient,
    TallymeshClient,
  ]
  const order = randomOrder(16_384, keys)
  const one = (client: TallymeshClient) => {
    let next = 0
    return () => client.add(names[order[next++ & 16_383] as number] as string, 1)
  }
  return {
    withIds: () => withIds.addAll(entries),
    plain: () => plain.addAll(entries),
    gathered: { withIds: one(gatheredWithIds), plain: one(gatheredPlain) },
    close: async () => {
      for (const client of clients) await client.close()
    },
  }
}
