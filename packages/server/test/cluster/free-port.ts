import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the range that the kernel takes ports of outgoing connections from: a port stays free while its node is down.
const PORT_MIN = 11_000
const PORTS = 20_000
/** Processes that run side by side take theirs from different places: a port of a node that is down just now looks free. */
let next = (process.pid * 97) % PORTS

/** The first of `count` ports of 127.0.0.1 in a row that nobody listens on now. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = PORT_MIN + (next % PORTS)
    next += count
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)))
    if (free.every(Boolean)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
