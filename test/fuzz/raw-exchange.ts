import { connect } from 'node:net'

/** How long an answer that is not whole may pause before the request is taken to be unfinished. */
const PAUSE_MS = 60

/** What a server said on one connection. */
export interface Exchange {
  /** Everything that came, byte by byte. */
  readonly text: string
  /** The statuses of all answers in it. */
  readonly statuses: readonly number[]
  /** The body of the first. */
  readonly body: string
}

/** Writes bytes on a connection of its own and takes what comes back: one whole answer, or all until the server ends.
 *  @param hangUp whether a request that asks for more than was sent is ended by hanging up
 *  @throws Error where there is no connection */
export function exchange(port: number, bytes: Uint8Array, hangUp: boolean): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let pause: NodeJS.Timeout | undefined
    const done = () => {
      clearTimeout(pause)
      socket.destroy()
      resolve(read(text))
    }
    const wait = () => {
      clearTimeout(pause)
      if (hangUp) pause = setTimeout(() => socket.end(), PAUSE_MS)
    }
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.once('connect', () => {
      socket.write(bytes)
      wait()
    })
    socket.on('data', (chunk: string) => {
      text += chunk
      if (isWhole(text)) done()
      else wait()
    })
    // A server that ends in the middle of what is sent resets the connection.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') reject(error)
    })
    socket.on('close', done)
  })
}

function isWhole(text: string): boolean {
  const end = firstEnd(text)
  return end !== undefined && text.length >= end
}

/** Where the first answer ends, once its head is there and says so. */
function firstEnd(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, Math.max(0, head)))?.[1]
  return length === undefined ? undefined : head + 4 + Number(length)
}

function read(text: string): Exchange {
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(found => Number(found[1]))
  const head = text.indexOf('\r\n\r\n')
  return { text, statuses, body: head === -1 ? '' : text.slice(head + 4, firstEnd(text)) }
}
