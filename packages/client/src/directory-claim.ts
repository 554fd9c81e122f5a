import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'

const SOCKET = /^claim-[0-9a-f]{12}\.sock$/
// The smallest that any system takes for a socket's path, less some.
const PATH_BYTES_MAX = 100

/** Exclusive use of a directory among the processes of one machine, containers included: a Unix socket in it that is listened to. The kernel
 *  ends that with the process, whatever ends it. Who claims listens first and looks for others then, so that of two at least one
 *  sees the other. */
export class DirectoryClaim {
  readonly #server: Server
  readonly #dir: FileHandle

  private constructor(server: Server, dir: FileHandle) {
    this.#server = server
    this.#dir = dir
  }

  /** @returns undefined where this or another process has the directory, and where another asks for it at the same time
   *  @throws Error where the directory takes no socket */
  static async take(path: string): Promise<DirectoryClaim | undefined> {
    const own = `claim-${randomBytes(6).toString('hex')}.sock`
    const dir = await open(path, 'r')
    // By the open directory the path is short, where the system has that.
    const place = Buffer.byteLength(join(path, own)) > PATH_BYTES_MAX ? `/proc/self/fd/${dir.fd}` : path
    let claim: DirectoryClaim
    try {
      claim = new DirectoryClaim(await listening(join(place, own)), dir)
    } catch (error) {
      await dir.close()
      throw error
    }
    try {
      for (const name of await readdir(path)) {
        if (name === own || !SOCKET.test(name)) continue
        if (await answers(join(place, name))) {
          await claim.release()
          return undefined
        }
        await rm(join(path, name), { force: true })
      }
    } catch (error) {
      await claim.release()
      throw error
    }
    return claim
  }

  /** Removes the socket, too. */
  async release(): Promise<void> {
    await new Promise(resolve => this.#server.close(resolve))
    await this.#dir.close()
  }
}

function listening(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => {
      server.unref()
      resolve(server)
    })
  })
}

/** Whether anybody listens, or may listen where this process cannot see it. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}
