import type { Socket } from 'node:net'

const LINGER_MS = 2_000

/** Lets an answer that is sent before its request has ended reach the client, on a connection that the answer closes. Node would
 *  close it in both directions; the kernel then resets it when more of the request comes, and a client or a balancer that is
 *  still writing takes the reset for a failure and never reads the answer. So only this server's direction is closed, and what
 *  still comes is read for nothing, for 2 s at most. Source: RFC 9112, section 9.6. */
export function lingerAfterAnswer(socket: Socket): void {
  // What Node calls when the last answer of a connection is written.
  socket.destroySoon = () => {
    socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }
}
