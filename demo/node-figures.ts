import type { Member } from '@tallymesh/client'
import type { SupervisedNode } from '@tallymesh/server'
import type { Census } from './census.js'

/** What a node said of itself when it was asked last. */
export interface Figures {
  readonly replica: string
  /** The room's requests, all routes and answers together, as this node counts them. */
  readonly requests: number
  /** Batches of this node's log that a member has not confirmed, by the member's name. */
  readonly lags: ReadonlyMap<string, number>
}

const POLL_MS = 500

/** Asks all nodes again and again, for the view. */
export class NodeFigures {
  readonly #latest = new Map<string, Figures>()
  readonly #asking = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    readonly census: Census,
    readonly nodes: readonly SupervisedNode[],
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.refresh(), POLL_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Undefined while nothing is known of its process. */
  of(node: SupervisedNode): Figures | undefined {
    return this.#latest.get(node.name)
  }

  /** Asks all nodes. Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all(this.nodes.map(node => this.#refresh(node)))
  }

  async #refresh(node: SupervisedNode): Promise<void> {
    const { name, pid, phase } = node
    if (phase === 'starting' || phase === 'down') this.#latest.delete(name)
    // One that opens would answer that it wants to be left alone for a second, and the census shares the client.
    if ((phase !== 'ready' && phase !== 'not ready') || this.#asking.has(name)) return
    this.#asking.add(name)
    const [values, room] = await Promise.all([this.census.values(node), this.census.members(node)])
    this.#asking.delete(name)
    if (!values || !room || pid !== node.pid) return
    const requests = values
      .filter(([key]) => key.startsWith('http_requests'))
      .reduce((sum, [, value]) => sum + value, 0)
    const replica = room.members.find(({ self }) => self)?.replica ?? '-'
    this.#latest.set(name, { replica, requests, lags: lagsOf(room.members) })
  }
}

/** A node whose disk was wiped is known twice: as the store that is gone, which is down for good, and as its present one. */
function lagsOf(members: readonly Member[]): ReadonlyMap<string, number> {
  const peers = members.filter(({ self }) => !self)
  const isUp = (name: string) => peers.some(peer => peer.name === name && peer.state === 'up')
  return new Map(
    peers.filter(({ name, state }) => state === 'up' || !isUp(name)).map(({ name, lag }) => [name, lag] as const),
  )
}
