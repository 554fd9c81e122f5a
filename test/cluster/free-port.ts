import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the range that the kernel takes ports of outgoing connections from: a port stays free while its node is down.
const PORT_MIN = 11_000
const PORTS = 20_000
/** Processes that run side by side take theirs from different places: a port of a node that is down just now looks free. */
let next = (process.pid * 97) % PORTS

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + (next++ % PORTS)
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
