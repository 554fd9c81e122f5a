import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeOptions } from 'tallymesh'
import * as assert from 'uvu/assert'
import type { Cluster } from '../cluster/cluster.js'
import type { NodeHandle } from '../cluster/node-handle.js'
import type { LoopDisk } from './block-device.js'
import { Claims, type Counters } from './claims.js'

/** A node whose data directory lies on a disk that loses its power. Its keys begin with its name. */
export class Victim {
  readonly claims = new Claims()
  readonly #name: string
  #handle: NodeHandle | undefined
  #runtimeDir: string
  #replica: string | undefined

  constructor(
    readonly cluster: Cluster,
    readonly disk: LoopDisk,
    name: string,
  ) {
    this.#name = name
    this.#runtimeDir = this.#freshRuntimeDir()
  }

  get node(): NodeHandle {
    if (!this.#handle) throw new Error(`${this.#name} is not open`)
    return this.#handle
  }

  get dataDir(): string {
    return join(this.disk.path, this.#name)
  }

  /** What the data directory holds, by name; undefined before it is there. */
  get names(): string[] | undefined {
    return existsSync(this.dataDir) ? readdirSync(this.dataDir) : undefined
  }

  keys(count: number): string[] {
    return Array.from({ length: count }, (_, i) => `${this.#name}-${i}`)
  }

  async start(changes: Partial<NodeOptions> = {}): Promise<NodeHandle> {
    const { dataDir } = this
    this.#handle = undefined
    this.#handle = await this.cluster.start(this.#name, {
      peers: [],
      ...changes,
      ...{ dataDir, runtimeDir: this.#runtimeDir },
    })
    return this.#handle
  }

  /** Notes the id that it counts under, for after the cut. */
  async noteReplica(): Promise<void> {
    this.#replica = await this.node.replica()
  }

  /** Stands still from now on, in the middle of whatever it does, if it is open. */
  pause(): void {
    this.#handle?.pause()
  }

  /** Ends the process as the power cut does, if it is open. */
  async kill(): Promise<void> {
    await this.#handle?.kill()
  }

  /** A machine that lost its power starts with an empty one. */
  clearRuntimeDir(): void {
    this.#runtimeDir = this.#freshRuntimeDir()
  }

  async counters(): Promise<Counters> {
    return this.node.call('counters', `${this.#name}-`)
  }

  /** Everything acknowledged is there, nothing is there twice, and nothing is reported: neither damage nor a lost tail.
   *  @param where names the round in a failure */
  async checkRecovered(where: string): Promise<void> {
    const counters = await this.counters()
    assert.is(this.claims.contradiction(counters), undefined, where)
    assert.equal(this.node.errors, [], where)
    this.claims.settle(counters)
  }

  /** Counts on, and under the right id: the witness of a machine that kept running proves the disk current.
   *  @param witnessed whether the runtime directory is that of before the cut */
  async checkCountsOn(witnessed: boolean, where: string): Promise<void> {
    for (const key of this.keys(3)) assert.is(await this.claims.add(this.node, key), undefined, where)
    assert.is(this.claims.contradiction(await this.counters()), undefined, where)
    if (this.#replica === undefined) return
    assert.is((await this.node.replica()) === this.#replica, witnessed, `${where}: goes on under its id`)
    this.#replica = undefined
  }

  #freshRuntimeDir(): string {
    return mkdtempSync(join(this.cluster.dir, 'run-'))
  }
}
