import { type CommitMark, TallymeshError } from '@tallymesh/crdt'
import type { Link } from '@tallymesh/link'
import type { Effect, Input, LinkId, MemberState, Replica } from '@tallymesh/replica'
import type { Store, WitnessPort } from '@tallymesh/store'
import type { Host } from './host.js'

const SETTLED = Promise.resolve()
/** How long what nobody waits for may wait for company: each commit costs a sync of the disk. */
const LATER_MS = 20

/** What the effect loop tells the node around it. */
export interface LoopEvents {
  /** Commits up to this number are durable. */
  acknowledged(commit: number): void
  confirmed(ticket: number): void
  unconfirmed(ticket: number, confirmed: number, wanted: number): void
  /** Operations may be taken from now on. */
  admitted(): void
  /** Values changed, by the table's ids. */
  changed(ids: readonly number[]): void
  /** A peer's frame was taken in: what the door may show moved on. */
  progressed(): void
  /** A write is durable here. */
  persisted(): void
  /** Whether somebody wants to know how long commits take. */
  timed(): boolean
  /** An own commit is durable and acknowledged.
   *  @param entries how many totals and other entries it changed
   *  @param bytes of its update
   *  @param times undefined where nobody wanted to know when it was formed */
  committed(entries: number, bytes: number, times: CommitTimes | undefined): void
  member(member: { store: string; name: string; state: MemberState }): void
  report(error: TallymeshError): void
  /** The disk or the witness failed; nothing more is stored or sent by this loop. */
  failed(cause: unknown): void
}

export interface CommitTimes {
  /** In the store's write, the sync included. */
  readonly writeMs: number
  /** From forming it to acknowledging it. */
  readonly totalMs: number
}

/** The only place where a replica's effects are carried out: disk, then witness, then acknowledgements and sends. A loop
 *  lives as long as its replica; after a failed write both are replaced. */
export class EffectLoop {
  readonly #links = new Map<LinkId, Link>()
  readonly #ids = new Map<Link, LinkId>()
  #nextLink = 1
  #flushing = false
  /** Somebody waits for what is counted now. */
  #hurried = false
  /** What is counted now is persisted after a while. */
  #later = false
  #stopped = false
  /** When the write under way was formed; undefined where nobody wants to know. */
  #formedMs: number | undefined
  /** The last own commit that this loop acknowledged. */
  lastMark: CommitMark | undefined

  constructor(
    readonly replica: Replica,
    readonly store: Store,
    readonly witness: WitnessPort,
    readonly events: LoopEvents,
    readonly after: Host['after'],
  ) {}

  get stopped(): boolean {
    return this.#stopped
  }

  /** Takes an input in and carries its effects out. Never throws: a replica that does is rebuilt from the disk, like one whose
   *  disk failed. */
  step(input: Input): void {
    if (this.#stopped) return
    try {
      for (const effect of this.replica.step(input)) {
        // A report may have ended this loop.
        if (this.#stopped) return
        this.#carryOut(effect)
      }
    } catch (cause) {
      this.#fail(cause)
    }
    if (this.#hurried || !this.replica.mayWait) this.#schedule()
    else if (this.replica.commits.work.due) this.flushLater()
  }

  /** Persists what waits once the program's present turn is over: everything that is counted in it shares a commit. */
  flushSoon(): void {
    this.#hurried = true
    this.#schedule()
  }

  /** Persists what waits with the next thing that cannot wait, or soon enough: nobody is known to wait for it. */
  flushLater(): void {
    if (this.#later || this.#stopped) return
    this.#later = true
    this.after(LATER_MS, this.#flushLate)
  }

  readonly #flushLate = () => {
    this.#later = false
    // What is under way may bring counts that somebody waits for: work goes with those.
    if (this.replica.wantsFlush || this.replica.commits.pending) this.flushSoon()
    else if (this.replica.commits.work.due) this.flushLater()
  }

  #schedule(): void {
    if (this.#flushing || this.#stopped || !this.replica.wantsFlush) return
    this.#flushing = true
    // A reaction of a settled promise: as soon as `queueMicrotask`, and without its context for each call. `#flush` never throws.
    void SETTLED.then(this.#flush)
  }

  readonly #flush = () => {
    const hurried = this.#hurried
    this.#flushing = false
    this.#hurried = false
    this.#formedMs = this.events.timed() ? performance.now() : undefined
    this.step({ type: 'flush' })
    // It may have taken a part of the commit before.
    this.#hurried ||= hurried && this.replica.commits.pending
  }

  /** @param urls where the peer can be dialed, as far as what it says are addresses */
  opened(link: Link, urls: readonly string[]): void {
    const id = this.#nextLink++
    this.#links.set(id, link)
    this.#ids.set(link, id)
    this.step({ type: 'open', link: id, peer: { ...link.peer, urls }, dialed: link.dialed !== undefined })
  }

  frame(link: Link, kind: number, body: Uint8Array): void {
    const id = this.#ids.get(link)
    if (id === undefined) return
    this.step({ type: 'frame', link: id, kind, body })
    this.events.progressed()
  }

  closed(link: Link): void {
    const id = this.#ids.get(link)
    if (id === undefined) return
    this.#ids.delete(link)
    this.#links.delete(id)
    this.step({ type: 'closed', link: id })
  }

  /** Ends this loop: nothing is carried out any more; its links close. */
  stop(reason?: TallymeshError): void {
    this.#stopped = true
    for (const link of this.#links.values()) link.close(reason)
    this.#links.clear()
    this.#ids.clear()
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        void this.#persist(effect)
        return
      case 'send':
        this.#send(effect)
        return
      case 'close':
        this.#links.get(effect.link)?.close(effect.reason)
        return
      case 'acknowledge':
        this.events.acknowledged(effect.commit)
        return
      case 'confirmed':
        this.events.confirmed(effect.ticket)
        return
      case 'unconfirmed':
        this.events.unconfirmed(effect.ticket, effect.confirmed, effect.wanted)
        return
      case 'admitted':
        this.events.admitted()
        return
      case 'changed':
        this.events.changed(effect.ids)
        return
      case 'member':
        this.events.member(effect)
        return
      case 'report':
        this.events.report(effect.error)
        return
      default: {
        const unreachable: never = effect
        throw new TypeError(`unknown effect ${JSON.stringify(unreachable)}`)
      }
    }
  }

  /** A frame that no link takes ends its own link and nothing else. */
  #send({ link: id, kind, body }: Extract<Effect, { type: 'send' }>): void {
    const link = this.#links.get(id)
    try {
      link?.send(kind, body)
    } catch (cause) {
      const error = unexpected(cause)
      this.events.report(error)
      link?.close(error)
    }
  }

  async #persist({ logs, commit }: Extract<Effect, { type: 'persist' }>): Promise<void> {
    const { inFlight } = this.replica.commits
    const formedMs = this.#formedMs
    const watch = formedMs === undefined ? undefined : { formedMs, beganMs: performance.now(), endedMs: 0 }
    try {
      await this.store.write({ logs, ...(commit ? { commit } : {}) })
      if (watch) watch.endedMs = performance.now()
      if (this.#stopped) return
      if (commit) this.#testify(commit)
    } catch (cause) {
      this.#fail(cause)
      return
    }
    this.lastMark = commit ?? this.lastMark
    this.step({ type: 'persisted' })
    if (commit && inFlight) {
      const { counted, entries, bytes } = inFlight
      this.events.committed(counted.size + entries.length, bytes.length, watch && timesOf(watch))
    }
    this.events.persisted()
  }

  /** Tells the witness, and the operator where it is lost by that. */
  #testify(commit: CommitMark): void {
    const { available } = this.witness
    this.witness.write(commit)
    if (!available || this.witness.available) return
    const text = `${this.witness.reason}; the next start takes a fresh replica id`
    this.events.report(new TallymeshError('WITNESS_UNAVAILABLE', text))
  }

  #fail(cause: unknown): void {
    if (!this.#stopped) this.events.failed(cause)
  }
}

function timesOf({ formedMs, beganMs, endedMs }: { formedMs: number; beganMs: number; endedMs: number }): CommitTimes {
  return { writeMs: endedMs - beganMs, totalMs: performance.now() - formedMs }
}

/** Anything thrown, as an error that can be told. */
export function unexpected(cause: unknown): TallymeshError {
  if (cause instanceof TallymeshError) return cause
  return new TallymeshError('STORE_WRITE_FAILED', `an unexpected failure: ${String(cause)}`, { cause })
}
