import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on 127.0.0.1 through which one node dials another. */
class Cable {
  readonly #sockets = new Set<Socket>()
  isCut = false

  private constructor(
    readonly server: Server,
    readonly from: string,
    readonly to: string,
    target: number,
  ) {
    server.on('connection', near => {
      if (this.isCut) return void near.resetAndDestroy()
      const far = connect(target, '127.0.0.1')
      this.#join(near, far)
      this.#join(far, near)
      near.pipe(far).pipe(near)
    })
  }

  static async open(from: string, to: string, target: number): Promise<Cable> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Cable(server, from, to, target)
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/`
  }

  /** Breaks every connection and takes none. */
  cut(): void {
    this.isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  #join(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => other.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      other.destroy()
    })
  }
}

/** The network between the nodes: a cable for each ordered pair. Nodes do not tell their own addresses, so that no link
 *  goes around it. */
export class Partition {
  readonly #cables: Cable[] = []

  /** @param ports where each node listens, by name */
  static async open(ports: ReadonlyMap<string, number>): Promise<Partition> {
    const partition = new Partition()
    for (const from of ports.keys()) {
      for (const [to, port] of ports) if (from !== to) partition.#cables.push(await Cable.open(from, to, port))
    }
    return partition
  }

  /** What this node dials to reach the others. */
  seedsOf(node: string): string[] {
    return this.#cables.filter(({ from }) => from === node).map(({ url }) => url)
  }

  /** Cuts a node off from all others, both ways. */
  cut(node: string): void {
    for (const cable of this.#of(node)) cable.cut()
  }

  heal(node: string): void {
    for (const cable of this.#of(node)) cable.isCut = false
  }

  close(): void {
    for (const cable of this.#cables) {
      cable.cut()
      cable.server.close()
    }
  }

  #of(node: string): Cable[] {
    return this.#cables.filter(({ from, to }) => from === node || to === node)
  }
}
