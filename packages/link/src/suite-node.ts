import { randomBytes } from 'node:crypto'
import { storeId, type TallymeshError } from '@tallymesh/crdt'
import { PROTOCOL_VERSION } from './hello.js'
import type { Handshake, Hello, Link, LinkEvents } from './link.js'

/** What a node was told, in order. */
export type Heard =
  | { readonly type: 'open'; readonly link: Link }
  | { readonly type: 'frame'; readonly link: Link; readonly kind: number; readonly body: Uint8Array }
  | { readonly type: 'closed'; readonly link: Link; readonly reason: TallymeshError | undefined }
  | { readonly type: 'refused'; readonly reason: TallymeshError; readonly dialed: string | undefined }

/** A node of the suite: it greets, admits everyone, and writes down what it hears. */
export class SuiteNode implements Handshake, LinkEvents {
  readonly heard: Heard[] = []
  queueBytesMax = 1_048_576
  #said: Hello
  /** Decides on a peer, if set. */
  judge: (peer: Hello) => TallymeshError | undefined = () => undefined
  /** Is called with each event after it is written down, if set. */
  react: (heard: Heard) => void = () => {}

  constructor(name: string, says: Partial<Hello> = {}) {
    const store = storeId(randomBytes(16).toString('hex'))
    const instance = randomBytes(16).toString('hex')
    this.#said = { version: PROTOCOL_VERSION, room: 'shop', name, store, instance, replica: 0, urls: [], ...says }
  }

  hello(): Hello {
    return this.#said
  }

  says(change: Partial<Hello>): void {
    this.#said = { ...this.#said, ...change }
  }

  admit(peer: Hello): TallymeshError | undefined {
    return this.judge(peer)
  }

  open(link: Link): void {
    this.#hear({ type: 'open', link })
  }

  frame(link: Link, kind: number, body: Uint8Array): void {
    this.#hear({ type: 'frame', link, kind, body })
  }

  closed(link: Link, reason: TallymeshError | undefined): void {
    this.#hear({ type: 'closed', link, reason })
  }

  refused(reason: TallymeshError, dialed: string | undefined): void {
    this.#hear({ type: 'refused', reason, dialed })
  }

  /** The types of what was heard, such as `open frame frame closed`. */
  get story(): string {
    return this.heard.map(({ type }) => type).join(' ')
  }

  get frames(): { readonly kind: number; readonly body: Uint8Array }[] {
    return this.heard.filter(heard => heard.type === 'frame')
  }

  /** The link that opened last. */
  get link(): Link {
    const opened = this.heard.findLast(heard => heard.type === 'open')
    if (opened === undefined) throw new Error(`no link opened; heard: ${this.story}`)
    return opened.link
  }

  /** Whether its last connection is over: closed or refused. */
  get over(): boolean {
    const last = this.heard.at(-1)
    return last?.type === 'closed' || last?.type === 'refused'
  }

  /** Why its last connection is over; undefined for an ordinary close. */
  get reason(): TallymeshError | undefined {
    const last = this.heard.at(-1)
    if (last?.type === 'closed' || last?.type === 'refused') return last.reason
    throw new Error(`the connection is not over; heard: ${this.story}`)
  }

  #hear(heard: Heard): void {
    this.heard.push(heard)
    this.react(heard)
  }
}

/** Waits until `condition` holds, letting `settle` pass in between.
 *  @throws Error that names what was waited for, after `deadlineMs` */
export async function until(
  what: string,
  condition: () => boolean,
  settle: () => Promise<void>,
  deadlineMs = 10_000,
): Promise<void> {
  let late = false
  const timer = setTimeout(() => {
    late = true
  }, deadlineMs)
  while (!condition() && !late) {
    await settle()
    // Even where `settle` only computes, timers and sockets must get their turn.
    await new Promise(resolve => setImmediate(resolve))
  }
  clearTimeout(timer)
  if (!condition()) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`)
}
