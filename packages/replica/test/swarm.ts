import { type CounterKey, counterKey, storeId } from '@tallymesh/crdt'
import { Accounts } from './accounts.js'
import { Prng } from './prng.js'
import { RoomHarness } from './room-harness.js'
import { type DiskState, VirtualDisk } from './virtual-disk.js'
import type { VirtualNode } from './virtual-node.js'

const NODES_MAX = 6
/** What no honest room may ever report. */
const ALARMS = ['FRAME_DAMAGED', 'UPDATE_REFUSED', 'LOG_DAMAGED', 'BATCH_DAMAGED', 'BATCH_UNSUPPORTED']

/** One random history of a room, with its end: all faults healed, all nodes up, the books checked. */
export class Swarm {
  readonly #prng: Prng
  readonly #keys: readonly CounterKey[]
  readonly #accounts: Accounts
  readonly #room: RoomHarness
  /** Whether processes are set back to an earlier memory: then ids fork, and counts may be swallowed, never doubled. */
  readonly #forks: boolean
  readonly #removed = new Set<VirtualNode>()
  /** What a disk held before it was rolled back to what its witness knows. */
  readonly #givenUp = new WeakMap<VirtualDisk, DiskState>()
  readonly log: string[] = []
  #names = 0

  constructor(
    readonly seed: number,
    readonly steps: number,
    hashes = false,
  ) {
    this.#prng = new Prng(seed)
    this.#forks = this.#prng.chance(0.25)
    this.#keys = Array.from({ length: this.#prng.pick([1, 2, 5, 40]) }, (_, i) => counterKey(`key-${i}`))
    this.#accounts = new Accounts(this.#keys, this.#forks)
    this.#room = new RoomHarness({
      seed,
      watcher: this.#accounts,
      deepChecks: this.#prng.chance(0.1),
      updateBytesMax: this.#prng.pick([300, 2000, 256 * 1024]),
      hashes,
    })
    const nodes = 2 + this.#prng.int(3)
    for (let i = 0; i < nodes; i++) this.#join()
  }

  /** Runs the history. Answers a hash over every effect of it, if one is kept. @throws Error that says which promise was broken */
  run(): number {
    for (let i = 0; i < this.steps; i++) {
      this.#act()
      this.#room.run(this.#prng.int(this.#prng.pick([5, 50, 400])))
    }
    this.#quiesce()
    this.#check()
    for (const node of this.#room.nodes) {
      node.crash()
      if (this.#prng.chance(0.5)) node.witness = undefined
      node.start()
    }
    this.#room.converge()
    this.#check()
    return this.#room.hash
  }

  #act(): void {
    const up = this.#room.nodes.filter(node => node.up)
    const down = this.#room.nodes.filter(node => !node.up)
    const dice = this.#prng.int(100)
    if (up.length > 0 && dice < 52) return this.#count(this.#prng.pick(up))
    if (up.length > 0 && dice < 55) return this.#burst(this.#prng.pick(up))
    if (up.length > 0 && dice < 65) return this.#crash(this.#prng.pick(up))
    if (down.length > 0 && dice < 80) return this.#start(this.#prng.pick(down))
    if (down.length > 0 && dice < 84) return this.#damage(this.#prng.pick(down))
    if (dice < 92) return this.#disturb()
    if (dice < 94) return this.#join()
    if (dice < 95) return this.#clone()
    if (dice < 96 && down.length > 0) return this.#remove(this.#prng.pick(down), up)
    return this.#heal()
  }

  #count(node: VirtualNode): void {
    const counts = 1 + this.#prng.int(this.#prng.pick([3, 60]))
    for (let i = 0; i < counts; i++) {
      const amount = 1 + this.#prng.int(1000)
      this.#accounts.count(node, this.#prng.pick(this.#keys), this.#prng.chance(0.7) ? amount : -amount)
    }
    if (this.#prng.chance(0.3)) this.#accounts.follow(node)
    this.log.push(`${node.name} counts ${counts}`)
  }

  /** Many commits in a row, so that the log's head is cleaned. */
  #burst(node: VirtualNode): void {
    node.persistMs = 1
    for (let i = 0; i < 40 && node.up; i++) {
      this.#accounts.count(node, this.#prng.pick(this.#keys), 1 + this.#prng.int(1000))
      this.#room.run(4)
    }
    this.log.push(`${node.name} counts 40 times`)
  }

  #crash(node: VirtualNode): void {
    if (this.#prng.chance(0.2)) {
      // The disk has its commit after 51 ms, the witness after 76.
      node.persistMs = 100
      this.#count(node)
      this.#room.run(40 + this.#prng.int(50))
    }
    if (this.#prng.chance(0.8)) node.crash()
    else node.reboot()
    this.log.push(`${node.name} ${node.witness ? 'crashes' : 'reboots'}`)
  }

  #start(node: VirtualNode): void {
    const id = node.disk.state.mark?.replica
    const forced = this.#forks && id !== undefined && this.#prng.chance(0.2)
    node.persistMs = this.#prng.pick([1, 4, 40, 400])
    node.start(forced ? id : undefined)
    this.log.push(`${node.name} starts${forced ? ', forced' : ''}`)
  }

  /** A disk that is put back to an earlier state, or lost. */
  #damage(node: VirtualNode): void {
    const dice = this.#prng.next()
    if (this.#givenUp.has(node.disk) && dice < 0.6) this.#bringBack(node)
    else if (dice < 0.8) this.#rollBack(node)
    else {
      node.disk = new VirtualDisk(storeId(this.#prng.hex(32)))
      node.witness = undefined
    }
    this.log.push(`${node.name} ${node.disk.history.length > 1 ? 'rolled back' : 'wiped'}`)
    this.#lost()
  }

  /** Where a commit is on the disk and not in the witness, what is put back looks current: the log goes on from there, and has
   *  two histories if the disk ever comes back. */
  #rollBack(node: VirtualNode): void {
    const { disk, witness } = node
    const { mark } = disk.state
    if (!witness || !mark || mark.number <= witness.number) {
      disk.state = this.#prng.pick(disk.history)
      return
    }
    this.#accounts.branched.add(mark.replica)
    this.#givenUp.set(disk, disk.state)
    const witnessed = disk.history.filter(state => state.mark === witness)
    disk.state = this.#prng.pick(witnessed.length > 0 ? witnessed : disk.history)
    this.#lost()
    if (this.#prng.chance(0.5)) return
    // At once, so that both histories have as many commits.
    node.persistMs = 2
    node.start()
    this.#count(node)
    this.#room.run(5 + this.#prng.int(50))
    node.crash()
    this.#bringBack(node)
  }

  #bringBack({ disk }: VirtualNode): void {
    const before = this.#givenUp.get(disk)
    if (before) disk.state = before
    this.#givenUp.delete(disk)
  }

  #lost(): void {
    this.#accounts.lost(this.#room.nodes.map(({ disk }) => disk))
  }

  #disturb(): void {
    const [a, b] = [this.#prng.pick(this.#room.nodes), this.#prng.pick(this.#room.nodes)]
    switch (this.#prng.int(5)) {
      case 0:
        if (a !== b) this.#room.cut(a, b)
        return
      case 1:
        if (a !== b) this.#room.drop(a, b)
        return
      case 2:
        this.#room.delayMs = this.#prng.pick([1, 5, 50, 300])
        return
      case 3: {
        const share = this.#prng.pick([0.02, 0.3])
        this.#room.loses = (from, to) => from === a && to === b && this.#prng.chance(share)
        return
      }
      default:
        a.skewMs += this.#prng.pick([-7_200_000, -500, 500, 7_200_000])
    }
  }

  #join(): void {
    if (this.#room.nodes.length >= NODES_MAX) return
    this.#room.node(`n${this.#names++}`).start()
  }

  #clone(): void {
    if (this.#room.nodes.length >= NODES_MAX) return
    const original = this.#prng.pick(this.#room.nodes)
    this.#room.node(`n${this.#names++}`, original.disk.copy()).start()
    this.log.push(`n${this.#names - 1} is a clone of ${original.name}`)
  }

  /** Takes a member out for good; its disk goes with it. */
  #remove(node: VirtualNode, up: readonly VirtualNode[]): void {
    // A copy of its disk would be removed with it.
    const twin = this.#room.nodes.some(other => other !== node && other.store === node.store)
    if (up.length === 0 || twin || this.#room.nodes.length < 3) return
    this.#prng.pick(up).step({ type: 'remove', store: node.store })
    this.#room.nodes.splice(this.#room.nodes.indexOf(node), 1)
    this.#removed.add(node)
    this.log.push(`${node.name} is removed`)
    this.#lost()
  }

  #heal(): void {
    this.#room.loses = () => false
    this.#room.heal()
  }

  #quiesce(): void {
    this.#room.delayMs = 5
    for (const node of this.#room.nodes) {
      node.persistMs = 2
      if (!node.up) node.start()
    }
    this.#heal()
    this.#room.converge()
  }

  #check(): void {
    for (const node of this.#room.nodes) {
      for (const { error } of node.reports) {
        if (ALARMS.includes(error.code))
          throw new Error(`${node.name} reported ${error.message}`, { cause: error.cause })
        const forks = this.#forks || this.#accounts.branched.size > 0
        if (error.code === 'LOG_FORKED' && !forks) throw new Error(`a fork without cause: ${error.message}`)
      }
      this.#accounts.check(node)
      for (const log of node.live.room.logs.values()) {
        const elements = log.clock - log.head
        // Those who got the log in parts may lack its last deletion until the next commit.
        const parts = log.id === node.live.commits.replica ? 1 : 2
        if (elements > parts * (log.live.size / 16 + 70))
          throw new Error(`a log of ${log.live.size} entries has ${elements} elements`)
        if (log.structs > elements + 2) throw new Error(`a log of ${elements} elements has ${log.structs} structs`)
      }
    }
  }
}
