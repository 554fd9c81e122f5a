import type { CounterPage, CounterTotals, Members, TallymeshClient } from '@tallymesh/client'

const PAGE = 1_000
const COUNTERS_MAX = 10_000

/** A look at the room. */
export interface RoomSample {
  readonly counters: readonly CounterTotals[]
  /** Whether the room has more counters than were read. */
  readonly more: boolean
  readonly room: Members
}

/** Reads members and counters, of these at most 10,000: a room may have millions. @throws TallymeshClientError */
export async function sampleRoom(client: TallymeshClient, prefix: string): Promise<RoomSample> {
  const room = await client.members()
  const counters: CounterTotals[] = []
  let page: CounterPage = { counters: [], next: '' }
  while (page.next !== null && counters.length < COUNTERS_MAX) {
    page = await client.list({ prefix, after: page.next || undefined, limit: PAGE })
    counters.push(...page.counters)
  }
  return { counters, more: page.next !== null, room }
}
