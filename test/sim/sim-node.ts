import type { TallymeshError } from '@tallymesh/crdt'
import { type SimMachine, type Snapshot, snapshotOf } from './machine.js'
import type { SimNetwork } from './network/sim-network.js'
import type { Observer } from './observer.js'
import type { NodeName } from './plan/command.js'
import type { RoomSpec } from './plan/plan.js'
import { SimProcess } from './sim-process.js'
import type { SimDisk } from './storage/sim-disk.js'
import type { VirtualTime } from './virtual-time.js'

export type KillPoint = 'write' | 'landed' | 'witnessed'

/** What a node needs of the world. */
export interface NodeSurroundings {
  readonly room: RoomSpec
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly observer: Observer
  readonly updateBytesMax: number
  readonly removedKeptMax: number
  /** Those of all nodes that belong to the room. */
  disks(): ReadonlyMap<NodeName, SimDisk>
  /** Notes that something happened, for the trace. */
  note(what: string, node: NodeName): void
}

/** A node of the simulated room: a disk on a machine, and the process that runs there now, if one does. */
export class SimNode {
  process: SimProcess | undefined
  /** How many processes ran here. */
  life = 0
  /** The release that its processes run. */
  release: 1 | 2
  /** It was taken out of the room for good. */
  removed = false
  /** The process of this disk that left, or began to: only the room knows for certain whether it is out. */
  leaver: SimProcess | undefined
  /** Until when it may try, ms. */
  #leaveEndMs = 0
  /** Its last start was refused with this code. */
  refused: string | undefined
  readonly reports: TallymeshError[] = []
  #killPoint: KillPoint | undefined
  /** What the machine held before each write of the disk, the latest last. */
  #snapshots: Snapshot[] = []

  constructor(
    readonly name: NodeName,
    readonly machine: SimMachine,
    public disk: SimDisk,
    public seeds: readonly NodeName[],
    readonly world: NodeSurroundings,
  ) {
    this.#watch(disk)
    machine.nodes++
    this.release = world.room.releases?.[name] ?? 2
  }

  get up(): boolean {
    return this.process !== undefined
  }

  /** Until when its process may try to leave the room, ms; 0 where it does not. */
  get leavesUntilMs(): number {
    return this.process && this.leaver === this.process ? this.#leaveEndMs : 0
  }

  /** Starts a process, unless one runs. A directory that is refused as damaged is repaired, as its operator would. */
  start(resumed?: { readonly bornAt: number }): void {
    if (this.process || this.removed) return
    this.life++
    this.refused = undefined
    this.reports.length = 0
    this.#killPoint = undefined
    this.#launch(false, resumed)
  }

  /** Ends the process at once, or at a point of its next commit. */
  kill(at?: KillPoint): void {
    if (!this.process) return
    if (at) {
      this.#killPoint = at
      return
    }
    this.process.kill()
    this.process = undefined
    this.world.note('killed', this.name)
    this.world.observer.stopped(this.name, this.life)
  }

  /** Closes the node; what happens then takes virtual time. */
  stop(): void {
    const { process } = this
    if (!process) return
    const ended = () => {
      if (this.process === process) this.kill()
    }
    process.node.close().then(ended, ended)
  }

  /** Lets the node take itself out of the room, if that succeeds within this time; that takes virtual time.
   *  @param ended is told `ok`, or why it stays a member */
  leave(timeoutMs: number, ended: (code: string) => void): void {
    const { process, world } = this
    if (!process) return
    this.leaver = process
    this.#leaveEndMs = world.time.nowMs + timeoutMs
    world.observer.leaving(this.name)
    const over = (code: string) => {
      if (process.dead) return
      world.note(`left ${code}`, this.name)
      // Refused at once, it goes on as it was.
      if (process.node.status === 'ready') this.leaver = undefined
      else this.kill()
      if (code === 'ok') this.#out()
      ended(code)
    }
    process.node.leave({ timeoutMs }).then(
      () => over('ok'),
      (error: TallymeshError) => over(error.code),
    )
  }

  /** The room said that this store is out of it. */
  #out(): void {
    const { leaver, world, name } = this
    if (!leaver || this.removed) return
    this.kill()
    this.removed = true
    if (leaver.options.life === this.life || this.refused === 'MEMBER_REMOVED') world.observer.left(name, world.disks())
    // Damage made it forget that it left, and it counted on.
    else world.observer.lost('remove', name, world.disks())
  }

  /** Puts the running process, its disk and its witness back to where they were `steps` writes ago. */
  restore(steps: number): boolean {
    const { process, machine, disk } = this
    const snapshot = this.#snapshots.at(-steps)
    if (this.leaver || !process || !snapshot || steps > disk.steps) return false
    const { bornAt } = process
    this.kill()
    disk.rollback(steps)
    machine.memory.put(disk.storeId, snapshot.witness)
    // What other processes of the machine draw comes from a generator that went on.
    if (machine.nodes === 1) machine.random.position = snapshot.random
    this.world.observer.restored(this.name, machine.boots - snapshot.boots)
    this.start({ bornAt })
    return true
  }

  /** Goes on with another release. One that wrote the newer version of batches never goes back. */
  upgrade(release: 1 | 2): boolean {
    if (release <= this.release) return false
    this.release = release
    if (this.process) {
      this.kill()
      this.start()
    }
    return true
  }

  rollback(steps: number): boolean {
    if (this.leaver || this.process || steps < 1 || steps > this.disk.steps) return false
    this.disk.rollback(steps)
    return true
  }

  /** Replaces the disk of a node that is down. */
  replaceDisk(disk: SimDisk): void {
    this.disk = disk
    this.removed = false
    this.leaver = undefined
    this.#snapshots = []
    this.#watch(disk)
  }

  /** Remembers what the machine held before each change of the disk. */
  #watch(disk: SimDisk): void {
    disk.changing = () => this.#snapshots.push(snapshotOf(this.machine, disk.storeId))
  }

  #launch(repair: boolean, resumed: { readonly bornAt: number } | undefined): void {
    const { world, life } = this
    try {
      const process = new SimProcess({
        ...{ name: this.name, life, room: world.room, seeds: this.seeds, machine: this.machine, disk: this.disk },
        ...{ time: world.time, network: world.network, repair, release: this.release, bornAt: resumed?.bornAt },
        updateBytesMax: world.updateBytesMax,
        removedKeptMax: world.removedKeptMax,
        hooks: {
          writing: () => this.#reached('write'),
          landed: () => this.#reached('landed'),
          witnessed: () => this.#reached('witnessed'),
        },
        reported: error => this.#reported(error, life),
        recovering: () => world.observer.recovering(this.name, life),
      })
      this.process = process
      world.note('starts', this.name)
      process.start().then(
        () => this.#started(process),
        (error: TallymeshError) => this.#refusedStart(process, error, repair, resumed),
      )
    } catch (error) {
      this.#refusedStart(undefined, error as TallymeshError, repair, resumed)
    }
  }

  #started(process: SimProcess): void {
    if (this.process !== process) return
    this.world.note('ready', this.name)
    this.world.observer.started(this.name, this.life)
  }

  #refusedStart(
    process: SimProcess | undefined,
    error: TallymeshError,
    repaired: boolean,
    resumed: { readonly bornAt: number } | undefined,
  ): void {
    if (process && this.process !== process) return
    process?.kill()
    this.process = undefined
    this.refused = error.code
    this.world.note(`refused ${error.code}`, this.name)
    this.#reported(error, this.life)
    if (error.code === 'STORE_CORRUPT' && !repaired) this.#launch(true, resumed)
    else this.world.observer.stopped(this.name, this.life)
  }

  #reported(error: TallymeshError, life: number): void {
    this.reports.push(error)
    this.world.note(`reports ${error.code}`, this.name)
    this.world.observer.reported(this.name, life, error, this.world.disks())
    // Who meets one that is out reports that, too.
    const over = this.refused === 'MEMBER_REMOVED' || this.process?.node.status === 'failed'
    if (over && error.code === 'MEMBER_REMOVED') this.#out()
  }

  /** A commit came to a point at which the process may be meant to end. */
  #reached(point: KillPoint): void {
    if (this.#killPoint === point) this.kill()
  }
}
