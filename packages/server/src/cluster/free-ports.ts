import { once } from 'node:events'
import { createServer } from 'node:net'
import { TallymeshError } from '@tallymesh/crdt'

export interface PortUse {
  /** Who is to listen there, for the message. */
  readonly what: string
  readonly port: number
}

/** Checks that each port can be listened on now. @throws TallymeshError LISTEN_FAILED, with all that cannot */
export async function checkPorts(host: string, uses: readonly PortUse[]): Promise<void> {
  const troubles: string[] = []
  for (const { what, port } of uses) {
    const trouble = await tryPort(host, port)
    if (trouble !== undefined) troubles.push(`port ${port} for ${what} ${trouble}`)
  }
  if (troubles.length === 0) return
  const advice = 'end what listens there, or choose other ports with --port'
  throw new TallymeshError('LISTEN_FAILED', `${troubles.join('; ')}. On ${host}: ${advice}`)
}

async function tryPort(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') return 'is in use by another program'
    return code === 'EACCES' ? 'needs more rights than this user has' : `cannot be listened on (${message})`
  }
  server.close()
  await once(server, 'close')
  return undefined
}
