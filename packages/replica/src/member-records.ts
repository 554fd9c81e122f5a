import { type MemberEntry, type OtherEntry, type StoreId, TallymeshError } from '@tallymesh/crdt'
import type { Commits } from './commits.js'
import type { Membership } from './membership.js'
import type { ReplicaOptions } from './replica-options.js'

/** Writes the durable records of members into the own log: this node's own, those of members that nobody recorded, and
 *  removals. */
export class MemberRecords {
  constructor(
    readonly options: ReplicaOptions,
    readonly members: Membership,
    readonly commits: Commits,
  ) {}

  /** What opens the log of a fresh id: who writes it, and the members that no log records. */
  first(): OtherEntry[] {
    const { name, store, urls } = this.options
    for (const member of this.members.others()) this.met(member.store)
    return [{ kind: 'member', name, store, urls, removed: false }]
  }

  /** Carries the record of a member that was met and that no log carries as it is: a node that never counts has no log. */
  met(store: StoreId): void {
    const member = this.members.get(store)
    if (!member || member.recorded || store === this.options.store || member.name === '') return
    const { name, urls, removed } = member
    this.record({ kind: 'member', store, name, urls: urls.slice(0, 8), removed })
  }

  /** Says once more who this node is: a commit that follows all that was received. */
  renew(): void {
    const { name, store, urls } = this.options
    this.record({ kind: 'member', name, store, urls, removed: false })
  }

  /** Takes a member out of the room for good. */
  remove(store: StoreId): void {
    const member = this.members.get(store)
    // A store that was never met has no name, and every record needs one.
    this.record({ kind: 'member', store, name: member?.name || store, urls: member?.urls ?? [], removed: true })
  }

  /** Takes a record in, and carries it in the own log. */
  record(entry: MemberEntry): void {
    if (this.members.isListed(entry.store)) return
    this.members.record(entry)
    this.commits.carry(entry)
  }
}

/** The refusal of a member that was taken out. */
export function removed(store: StoreId): TallymeshError {
  return new TallymeshError(
    'MEMBER_REMOVED',
    `store ${store} was removed from the room for good; start that node with an empty data directory`,
  )
}
