import { TallymeshError } from '@tallymesh/crdt'
import { decodeFrame, FRAME_HELLO, FRAME_REFUSAL } from './frame.js'
import { decodeHello } from './hello.js'
import type { Handshake, Hello } from './link.js'
import { decodeRefusal } from './refusal.js'

/** How long a connection may take to say hello, unless told otherwise. */
export const HANDSHAKE_MS = 5000

/** What becomes of a connection after its first frame. */
export type Verdict =
  | { readonly type: 'accepted'; readonly peer: Hello }
  /** This side refuses, and tells the peer. */
  | { readonly type: 'refused'; readonly reason: TallymeshError }
  /** The peer refused; it knows. */
  | { readonly type: 'refused-by-peer'; readonly reason: TallymeshError }

/** Judges the first frame of a peer: a hello of this version and room whom the owner admits. Nothing after the version
 *  is read from a peer of another version, and the owner is asked last.
 *  @param own what this side said on the same connection */
export function judgeFirstFrame(message: Uint8Array, own: Hello, admit: Handshake['admit']): Verdict {
  try {
    const { kind, body } = decodeFrame(message)
    if (kind === FRAME_REFUSAL) return { type: 'refused-by-peer', reason: decodeRefusal(body) }
    if (kind !== FRAME_HELLO) {
      throw new TallymeshError('WRONG_PROTOCOL', `the first frame must be a hello (kind 1), got kind ${kind}`)
    }
    const peer = decodeHello(body, own.version)
    const reason = peer.room === own.room ? admit(peer) : wrongRoom(peer, own)
    return reason === undefined ? { type: 'accepted', peer } : { type: 'refused', reason }
  } catch (error) {
    return { type: 'refused', reason: asTallymeshError(error) }
  }
}

/** An error as one that can be told to a peer and reported. */
export function asTallymeshError(error: unknown): TallymeshError {
  if (error instanceof TallymeshError) return error
  return new TallymeshError('LINK_FAILED', `the handshake failed: ${String(error)}`, { cause: error })
}

/** A peer that was silent for too long. */
export function helloOverdue(handshakeMs: number): TallymeshError {
  const what = `the other side said no hello within ${handshakeMs} ms`
  return new TallymeshError('LINK_FAILED', `${what}; it hangs, or it does not speak the tallymesh protocol`)
}

function wrongRoom(peer: Hello, own: Hello): TallymeshError {
  const sides = [peer, own].map(({ name, room }) => `node ${JSON.stringify(name)} is in room ${JSON.stringify(room)}`)
  return new TallymeshError('WRONG_ROOM', `${sides.join(', ')}; nodes link only within one room`)
}
