import type { AddOptions, MemberInfo, NodeOptions, NodeStats, NodeStatus, PeerEvent } from 'tallymesh'
import type { Stall } from './stall-meter.js'

/** What a test asks of a node's process: a call and its answer, by name. */
export interface Verbs {
  /** Answers how long `openNode` took, in ms. */
  open(options: NodeOptions): number
  /** Counts `amount`, down where it is negative, and answers once that promise is settled. */
  add(key: string, amount: number, options?: AddOptions): void
  /** Counts 1 on each of the keys `<prefix><number>`, awaited together. */
  fill(prefix: string, count: number): void
  /** Counts up on one key, that many times without waiting in between; answers once all are durable. */
  burst(key: string, times: number): void
  totals(key: string): Totals
  counters(prefix?: string): Array<[string, number]>
  members(): MemberInfo[]
  stats(): NodeStats
  status(): NodeStatus
  removeMember(name: string): void
  close(): void
  /** The longest stall since the last call; measuring begins with the first one. */
  stall(): Stall
  usage(): Usage
}

export type Verb = keyof Verbs

/** A counter's increments and decrements in full. */
export interface Totals {
  readonly increments: number
  readonly decrements: number
}

export interface Usage {
  readonly cpuMs: number
  /** Heap and buffers outside of it, after a garbage collection. */
  readonly heapBytes: number
}

export interface Call {
  readonly id: number
  readonly verb: Verb
  readonly args: readonly unknown[]
}

/** An error as it crosses the process boundary. */
export interface ToldError {
  readonly code: string
  readonly message: string
}

/** What the process says. */
export type Told =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: ToldError }
  | { readonly type: 'error'; readonly error: ToldError }
  | { readonly type: 'peer'; readonly peer: PeerEvent }
  | { readonly type: 'status'; readonly status: NodeStatus }
