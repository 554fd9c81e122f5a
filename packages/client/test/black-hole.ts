import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const LISTEN = `const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port))`
/** More than a backlog of 1 holds. */
const CONNECTIONS = 4

/** An address that answers nothing, as that of a machine without power: the process behind it is stopped and its backlog is full, so
 *  that the kernel drops what comes. */
export class BlackHole {
  private constructor(
    readonly url: string,
    readonly child: ChildProcess,
    readonly sockets: readonly Socket[],
  ) {}

  static async open(): Promise<BlackHole> {
    const child = spawn(process.execPath, ['-e', LISTEN], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [text] = await once(child.stdout, 'data')
    const port = Number(String(text))
    child.kill('SIGSTOP')
    const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1').on('error', () => {}))
    await Promise.all(sockets.slice(0, 2).map(socket => once(socket, 'connect')))
    return new BlackHole(`http://127.0.0.1:${port}`, child, sockets)
  }

  close(): void {
    this.child.kill('SIGKILL')
    for (const socket of this.sockets) socket.destroy()
  }
}
