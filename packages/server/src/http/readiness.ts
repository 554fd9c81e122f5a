import type { TallymeshNode } from 'tallymesh'
import { publicDetail } from './problem.js'

/** Why a node should get no traffic. */
export type NotReadyReason = 'opening' | 'catching-up' | 'lagging' | 'store' | 'contested' | 'failed' | 'draining'

export interface NotReady {
  readonly reason: NotReadyReason
  /** A sentence for people. */
  readonly detail: string
}

/** What readiness asks of a node. */
export type ReadinessView = Pick<TallymeshNode, 'status' | 'refusal' | 'caughtUp' | 'alone'> & {
  readonly stats: { readonly behind: number }
}

export interface ReadinessOptions {
  readonly joinTimeoutMs: number
  readonly readyBehindMax: number
}

/** Whether a balancer should send traffic here. A node that is not ready still answers whoever asks. */
export class Readiness {
  #node: ReadinessView | undefined
  #openedMs = 0
  #draining = false
  #refusing = false
  /** The node failed to open. */
  #ended = false

  constructor(readonly options: ReadinessOptions) {}

  opened(node: ReadinessView, nowMs: number): void {
    this.#node = node
    this.#openedMs = nowMs
  }

  /** Not ready from now on, for good. */
  drain(): void {
    this.#draining = true
  }

  /** Adds are refused from now on, for good. */
  refuse(): void {
    this.#refusing = true
  }

  get refusing(): boolean {
    return this.#refusing
  }

  end(): void {
    this.#ended = true
  }

  get draining(): boolean {
    return this.#draining
  }

  /** Why this node is not ready; undefined while it is. @param nowMs a monotonic time */
  verdict(nowMs: number): NotReady | undefined {
    const node = this.#node
    if (this.#draining) return { reason: 'draining', detail: 'this node is shutting down' }
    if (node === undefined) {
      if (this.#ended) return { reason: 'failed', detail: 'this node could not be opened' }
      return { reason: 'opening', detail: 'this node is opening its data directory' }
    }
    if (node.status !== 'ready') return stopped(node)
    // Where nobody answers there is nothing to wait for.
    if (!node.caughtUp && !node.alone && nowMs - this.#openedMs < this.options.joinTimeoutMs) {
      const detail = `this node asks its peers for what it missed, for ${this.options.joinTimeoutMs} ms at most`
      return { reason: 'catching-up', detail }
    }
    const { behind } = node.stats
    if (behind > this.options.readyBehindMax) {
      const detail = `this node lacks ${behind} batches that its peers hold; it is ready below ${this.options.readyBehindMax + 1}`
      return { reason: 'lagging', detail }
    }
    return undefined
  }
}

function stopped({ status, refusal }: ReadinessView): NotReady {
  const detail = refusal ? publicDetail(refusal, false) : `this node is ${status}`
  if (status === 'draining' || status === 'closed') return { reason: 'draining', detail }
  if (status === 'opening') return { reason: 'store', detail }
  return { reason: causeCode(refusal) === 'IDENTITY_CONTESTED' ? 'contested' : 'failed', detail }
}

function causeCode(error: Error | undefined): unknown {
  return (error?.cause as { code?: unknown } | undefined)?.code
}
