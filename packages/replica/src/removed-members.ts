import type { OtherEntry, ReplicaId } from '@tallymesh/crdt'
import type { Room } from './room.js'

/** Records that one commit puts into lists. */
const LISTED_MAX = 250

/** What the own log has to say to name removed members in lists, in place of their records; but for those whose addresses are seeds of
 *  this node, which are known by them to be nobody's.
 *  @param keptMax how many keep their records all the same, for those who look for a name */
export function listRemoved({ carried, members }: Room, own: ReplicaId, keptMax: number): OtherEntry[] {
  const said = new Map([...carried.recordsOf(own)].map(record => [record.store, record]))
  const kept: OtherEntry[] = []
  for (const { store, name, urls } of members.listed > 0 ? members.others() : []) {
    const isKept = members.isListed(store) && members.isSeed(urls) && !said.has(store)
    if (isKept) kept.push({ kind: 'member', store, name: name || store, urls, removed: true })
  }
  const removed = [...said.values()].filter(({ store, urls }) => members.isRemoved(store) && !members.isSeed(urls))
  if (removed.length <= keptMax) return kept
  const stores = removed.slice(0, LISTED_MAX).map(({ store }) => store)
  const drops = stores.map((member): OtherEntry => ({ kind: 'drop', of: { member } }))
  return [...kept, ...carried.listing(own, stores), ...drops]
}
