import type { ReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Loss } from '../observer.js'
import type { NodeName } from '../plan/command.js'
import type { RoomSpec } from '../plan/plan.js'
import type { Branches } from './branches.js'
import { Breach } from './breach.js'
import type { Faults } from './faults.js'

/** What no simulated room may ever report. */
const ALARMS = new Set([
  'UPDATE_REFUSED',
  'BATCH_DAMAGED',
  'STORE_LOCKED',
  'STORE_UNSUPPORTED',
  'STORE_WRONG_ROOM',
  'WITNESS_STUCK',
  'WRONG_ROOM',
  'WRONG_VERSION',
  'UNAUTHORIZED',
  'CERTIFICATE_REFUSED',
  'TLS_UNUSABLE',
  'SEED_UNRESOLVED',
  'LISTEN_FAILED',
  'INVALID_OPTION',
  'INVALID_URL',
  'EXPORT_DAMAGED',
  'EXPORT_WRONG_ROOM',
])
const FORKED_ID = /two histories exist under replica id ([0-9a-f]+)/
/** How the node words an error that is none of its own. */
const UNEXPECTED = 'an unexpected failure'

/** Holds what nodes report against what was done to them: no alarm without cause. */
export class Reports {
  count = 0
  readonly #old: boolean
  readonly #flipped = new Set<NodeName>()
  readonly #setBack = new Set<NodeName>()
  readonly #wiped = new Set<NodeName>()

  constructor(
    room: RoomSpec,
    readonly faults: Faults,
    readonly branches: Branches,
  ) {
    this.#old = Object.values(room.releases ?? {}).includes(1)
  }

  lost(why: Loss, node: NodeName): void {
    if (why === 'flip') this.#flipped.add(node)
    if (why === 'rollback' || why === 'restore') this.#setBack.add(node)
    if (why === 'wipe') this.#wiped.add(node)
  }

  /** Answers the id that is said to have two histories, if one is. @throws Breach for an alarm without cause */
  reported(node: NodeName, life: number, error: TallymeshError): ReplicaId | undefined {
    this.count++
    const { code, message } = error
    if (!this.#isFounded(node, error)) {
      const text = `${node}, life ${life}, reported ${code} without cause: ${message}`
      throw new Breach(invariantOf(code), `report-${code}`, text)
    }
    if (code !== 'LOG_FORKED') return undefined
    const [, id] = FORKED_ID.exec(message) ?? []
    if (id === undefined)
      throw new Breach(0, 'observation', `${node} reported a fork and did not name the id: ${message}`)
    return Number.parseInt(id, 16) as ReplicaId
  }

  #isFounded(node: NodeName, { code, message }: TallymeshError): boolean {
    const { faults } = this
    switch (code) {
      case 'FRAME_TOO_LARGE':
        return faults.may('damage')
      case 'FRAME_DAMAGED':
        // A hello that comes late or twice has no place in an open link.
        return faults.may('damage') || faults.may('reorder') || faults.may('repeat')
      case 'WRONG_PROTOCOL':
        // Something else came first, where a hello is missing.
        return (['lose', 'reorder', 'repeat', 'damage'] as const).some(fault => faults.may(fault))
      case 'LOG_DAMAGED':
      case 'STORE_CORRUPT':
        return this.#flipped.size > 0
      case 'STORE_BEHIND':
        return this.#flipped.has(node) || this.#setBack.has(node) || faults.may('clone here')
      case 'STORE_WIPED':
        return this.#wiped.has(node)
      case 'STORE_WRITE_FAILED':
        return faults.may('disk') && !message.includes(UNEXPECTED)
      case 'STORE_UNUSABLE':
        return faults.may('disk')
      case 'WITNESS_UNAVAILABLE':
        return faults.may('clone here')
      case 'LOG_FORKED':
      case 'IDENTITY_CONTESTED':
        return faults.mayFork || this.branches.any
      case 'BATCH_UNSUPPORTED':
        return this.#old
      case 'MEMBER_REMOVED':
        return faults.may('remove') || faults.may('leave')
      default:
        return !ALARMS.has(code)
    }
  }
}

/** Which invariant an alarm without cause speaks of. */
function invariantOf(code: string): number {
  if (code === 'FRAME_DAMAGED' || code === 'FRAME_TOO_LARGE' || code === 'UPDATE_REFUSED') return 6
  if (code === 'LOG_DAMAGED' || code === 'STORE_CORRUPT' || code === 'BATCH_DAMAGED') return 8
  if (code === 'LOG_FORKED' || code === 'IDENTITY_CONTESTED') return 5
  if (code === 'STORE_BEHIND' || code === 'STORE_WIPED') return 3
  return 0
}
