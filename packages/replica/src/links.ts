import type { LinkId } from './effect.js'
import { FailureDetector, PHI_DOWN } from './failure-detector.js'

const NONE: readonly LinkId[] = []

interface OpenLink {
  readonly instance: string
  /** Whether this node dialed it. */
  readonly dialed: boolean
  readonly detector: FailureDetector
}

/** The open links of this node. Each is watched by itself: two machines that run on copies of one disk are one member. */
export class Links {
  readonly #open = new Map<LinkId, OpenLink>()

  constructor(
    /** The own process, as hellos name it. */
    readonly instance: string,
    readonly heartbeatMs: number,
  ) {}

  opened(link: LinkId, instance: string, dialed: boolean, nowMs: number): void {
    this.#open.set(link, { instance, dialed, detector: new FailureDetector(this.heartbeatMs, nowMs) })
  }

  closed(link: LinkId): void {
    this.#open.delete(link)
  }

  heartbeat(link: LinkId, nowMs: number): void {
    this.#open.get(link)?.detector.heartbeat(nowMs)
  }

  /** This node itself was stopped for a while: silence heard since then is its own. */
  resume(nowMs: number): void {
    for (const { detector } of this.#open.values()) detector.resume(nowMs)
  }

  /** The links whose peers fell silent. */
  silent(nowMs: number): readonly LinkId[] {
    let silent = NONE
    for (const [link, { detector }] of this.#open) if (detector.phi(nowMs) >= PHI_DOWN) silent = [...silent, link]
    return silent
  }

  /** Which of two links to the same process has to go, if there is one already: both ends keep the one that the smaller
   *  process dialed, and of two of those the newer. */
  superfluous(link: LinkId, instance: string, dialed: boolean): LinkId | undefined {
    const smallerDials = this.instance < instance
    for (const [other, open] of this.#open) {
      if (open.instance !== instance) continue
      return dialed !== smallerDials && open.dialed === smallerDials ? link : other
    }
    return undefined
  }
}
