import { execFileSync } from 'node:child_process'
import { Cleaning } from './cleaning.js'

/** Machines in network namespaces, each on a wire of its own to one router between them. The router can lose what goes one way.
 *  Needs root. */
export class Network {
  readonly #names: readonly string[]
  readonly #cleaning: Cleaning

  /** @throws Error where this machine does not allow it; nothing is left then */
  static async open(...names: readonly string[]): Promise<Network> {
    const network = new Network(names)
    try {
      network.#build()
      return network
    } catch (error) {
      await network.remove()
      throw error
    }
  }

  private constructor(names: readonly string[]) {
    this.#names = names
    // Whoever still runs in a namespace is a node of this test, and would keep it.
    const script = 'for n in "$@"; do ip netns pids "$n" | xargs -r kill -9; ip netns del "$n"; done'
    this.#cleaning = new Cleaning(script, ...[...names, 'router'].map(name => this.namespace(name)))
  }

  namespace(name: string): string {
    return `tallymesh-${process.pid}-${name}`
  }

  address(name: string): string {
    return `10.77.${this.#number(name)}.2`
  }

  /** Loses every packet from one machine to another, without a word to either. What goes the other way arrives. */
  drop(from: string, to: string): void {
    this.#rule('add', from, to)
  }

  /** Ends that `drop`. */
  heal(from: string, to: string): void {
    this.#rule('del', from, to)
  }

  /** How many TCP connections a machine has begun to open so far. */
  dials(name: string): number {
    const command = ['netns', 'exec', this.namespace(name), 'cat', '/proc/net/snmp']
    const [names, figures] = execFileSync('ip', command, { encoding: 'utf8' })
      .split('\n')
      .filter(line => line.startsWith('Tcp:'))
      .map(line => line.split(' '))
    return Number(figures?.[names?.indexOf('ActiveOpens') ?? -1])
  }

  /** Ends what runs in it. */
  remove(): Promise<void> {
    return this.#cleaning.run()
  }

  #build(): void {
    const router = this.namespace('router')
    ip('netns', 'add', router)
    ip('netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    for (const name of this.#names) {
      const own = this.namespace(name)
      const [wire, gateway] = [this.#wire(name), `10.77.${this.#number(name)}.1`]
      ip('netns', 'add', own)
      ip('link', 'add', wire, 'netns', router, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own)
      ip('-n', router, 'address', 'add', `${gateway}/24`, 'dev', wire)
      ip('-n', router, 'link', 'set', wire, 'up')
      ip('-n', own, 'address', 'add', `${this.address(name)}/24`, 'dev', 'eth0')
      ip('-n', own, 'link', 'set', 'eth0', 'up')
      ip('-n', own, 'link', 'set', 'lo', 'up')
      ip('-n', own, 'route', 'add', 'default', 'via', gateway)
    }
    // Whether it can lose anything shows here, where the test can still be skipped.
    this.drop(this.#names[0] as string, this.#names[1] as string)
    this.heal(this.#names[0] as string, this.#names[1] as string)
  }

  #rule(change: 'add' | 'del', from: string, to: string): void {
    const match = ['iif', this.#wire(from), 'to', `${this.address(to)}/32`]
    ip('-n', this.namespace('router'), 'rule', change, ...match, 'blackhole')
  }

  #wire(name: string): string {
    return `to-${name}`
  }

  #number(name: string): number {
    return this.#names.indexOf(name) + 1
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}
