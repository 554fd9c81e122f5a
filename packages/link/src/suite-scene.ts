import { TallymeshError } from '@tallymesh/crdt'
import * as assert from 'uvu/assert'
import type { Dialing } from './link.js'
import { SuiteNode, until } from './suite-node.js'

/** Two nodes that a backend joined by a network it controls. */
export interface SuitePair {
  /** Node a dials node b. */
  dial(): Dialing
  /** What a's links give as `dialed`. */
  readonly url: string
  /** Lets what is on its way arrive; called again and again while the suite waits. */
  settle(): Promise<void>
  /** From now on b's side takes nothing more of what a sends, without closing. */
  stall(): void
  /** Flips a bit of the next frame from a to b that is sent alone. */
  damage(): void
  /** Breaks the connection for both, without a closing handshake. */
  sever(): void
  /** Releases everything. */
  close(): Promise<void>
}

/** What a play works with: two nodes, and what it waits for between them. */
export interface Scene {
  readonly a: SuiteNode
  readonly b: SuiteNode
  readonly pair: SuitePair
  /** Waits for a condition. */
  readonly see: (what: string, condition: () => boolean) => Promise<void>
  /** Dials and waits for both sides to open. */
  readonly connect: () => Promise<void>
  /** Waits until both sides are over, and a little for what must not follow. */
  readonly end: () => Promise<void>
}

/** Joins two nodes that both serve as handshake and events, each with its own `queueBytesMax`. */
export type Join = (a: SuiteNode, b: SuiteNode) => Promise<SuitePair>

export type Play = (scene: Scene) => Promise<void>

/** Plays `play` between two new nodes, and releases everything. */
export async function stage(join: Join, play: Play): Promise<void> {
  const a = new SuiteNode('a', { urls: ['ws://a:1/'] })
  const b = new SuiteNode('b')
  const pair = await join(a, b)
  const see = (what: string, condition: () => boolean) => until(what, condition, () => pair.settle())
  const connect = async () => {
    pair.dial()
    await see('both sides to open', () => a.heard.length > 0 && b.heard.length > 0)
    assert.equal([a.story, b.story], ['open', 'open'])
  }
  const end = async () => {
    await see('both sides to end', () => a.over && b.over)
    for (let round = 0; round < 10; round++) await pair.settle()
    for (const { story } of [a, b]) assert.match(story, /^(open( frame)* closed|refused)$/)
  }
  try {
    await play({ a, b, pair, see, connect, end })
  } finally {
    await pair.close()
  }
}

export function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

export function throwsCode(act: () => void, code: string): void {
  assert.throws(act, (error: unknown) => error instanceof TallymeshError && error.code === code)
}

/** Both sides end with `code`, and with a reason in which an operator reads `text`. */
export function bothGot({ a, b }: Scene, code: string, text: string): void {
  for (const { reason } of [a, b]) {
    assert.is(reason?.code, code)
    assert.ok(reason?.message.includes(text), `${reason?.message} does not say ${text}`)
  }
}
