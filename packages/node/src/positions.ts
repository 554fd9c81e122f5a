import { type CommitMark, type ReplicaId, showReplicaId, TallymeshError } from '@tallymesh/crdt'
import type { Host } from './host.js'
import { checkInteger } from './options.js'

/** The clocks that logs must have been held up to. */
type Clocks = ReadonlyMap<ReplicaId, number>

/** How far a log is held. */
interface HeldLog {
  readonly clock: number
  readonly complete: boolean
}

interface Waiting {
  readonly clocks: Clocks
  readonly settle: (refusal?: TallymeshError) => void
}

const WAITING_MAX = 10_000
const POSITION_CHARACTERS_MAX = 8_192
const TIMEOUT_MS_MAX = 600_000
const PART = /^([1-9a-f][0-9a-f]{0,13}):(0|[1-9][0-9]{0,15})$/

/** Where this process's acknowledged commits end, and who waits until logs are held up to such a place. */
export class Positions {
  readonly #acknowledged = new Map<ReplicaId, number>()
  /** Every answer names it: it is put together once a commit. */
  #position: string | undefined = ''
  readonly #waiting = new Set<Waiting>()
  #checking = false
  #closed = false

  /** @param logs what is held now; undefined before anything was loaded */
  constructor(
    readonly logs: () => ReadonlyMap<ReplicaId, HeldLog> | undefined,
    readonly host: Host,
  ) {}

  /** A commit is acknowledged. */
  acknowledged({ replica, clock }: CommitMark): void {
    this.#acknowledged.set(replica, clock)
    this.#position = undefined
  }

  /** `<replica id>:<clock>` joined by `,`, ids in hexadecimal; empty while nothing was acknowledged. */
  get position(): string {
    this.#position ??= [...this.#acknowledged].map(([id, clock]) => `${showReplicaId(id)}:${clock}`).join(',')
    return this.#position
  }

  /** Resolves once every log of `position` is held up to its clock. A log that is frozen or forgotten counts as far as it is
   *  held.
   *  @param timeoutMs 0 to 600,000
   *  @throws TallymeshError (as a rejection) INVALID_OPTION, NOT_CAUGHT_UP after `timeoutMs`, NODE_CLOSED, NOT_READY where too
   *    many wait already */
  reached(position: string, timeoutMs: number): Promise<void> {
    const reached = this.#reached(position, timeoutMs)
    reached.catch(() => {})
    return reached
  }

  /** Logs may have come forward. Looks once for all that came in one turn of the program; free while nobody waits. */
  progressed(): void {
    if (this.#waiting.size === 0 || this.#checking) return
    this.#checking = true
    this.host.soon(() => {
      this.#checking = false
      for (const { clocks, settle } of this.#waiting) if (this.#holds(clocks)) settle()
    })
  }

  close(): void {
    this.#closed = true
    for (const { settle } of this.#waiting) settle(closed())
  }

  async #reached(position: string, timeoutMs: number): Promise<void> {
    const clocks = parsePosition(position)
    checkInteger('timeoutMs', timeoutMs, 0, TIMEOUT_MS_MAX)
    if (this.#closed) throw closed()
    if (this.#holds(clocks)) return
    if (timeoutMs === 0) throw late(0)
    if (this.#waiting.size === WAITING_MAX) {
      throw new TallymeshError('NOT_READY', `${WAITING_MAX} calls wait for this node to catch up; try again later`)
    }
    await new Promise<void>((resolve, reject) => {
      const settle = (refusal?: TallymeshError) => {
        cancel()
        this.#waiting.delete(waiting)
        if (refusal) reject(refusal)
        else resolve()
      }
      const waiting = { clocks, settle }
      const cancel = this.host.after(timeoutMs, () => settle(this.#holds(clocks) ? undefined : late(timeoutMs)))
      this.#waiting.add(waiting)
    })
  }

  #holds(clocks: Clocks): boolean {
    const logs = this.logs()
    for (const [replica, clock] of clocks) {
      const log = logs?.get(replica)
      if (clock > 0 && !(log?.complete && log.clock >= clock)) return false
    }
    return true
  }
}

function parsePosition(position: unknown): Clocks {
  if (typeof position !== 'string') throw malformed(`got ${position === null ? 'null' : typeof position}`)
  if (position.length > POSITION_CHARACTERS_MAX) throw malformed(`it has ${position.length} characters`)
  const clocks = new Map<ReplicaId, number>()
  if (position === '') return clocks
  for (const part of position.split(',')) {
    const [, id, digits] = PART.exec(part) ?? []
    const replica = Number.parseInt(id ?? '', 16)
    const clock = Number(digits)
    if (!Number.isSafeInteger(replica) || !Number.isSafeInteger(clock)) throw malformed(JSON.stringify(part))
    clocks.set(replica as ReplicaId, Math.max(clock, clocks.get(replica as ReplicaId) ?? 0))
  }
  return clocks
}

function malformed(what: string): TallymeshError {
  const text = 'a position must be <replica id>:<clock> pairs joined by commas, as a node tells it'
  return new TallymeshError('INVALID_OPTION', `${text}; ${what}`)
}

function late(timeoutMs: number): TallymeshError {
  return new TallymeshError(
    'NOT_CAUGHT_UP',
    `this node did not take in everything up to the position in ${timeoutMs} ms`,
  )
}

function closed(): TallymeshError {
  return new TallymeshError('NODE_CLOSED', 'the node is closed: it takes in nothing more')
}
