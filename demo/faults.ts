import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SupervisedNode } from '@tallymesh/server'
import type { Census } from './census.js'
import type { FaultName } from './flags.js'
import type { Journal } from './journal.js'
import type { Ledger } from './ledger.js'
import type { Partition } from './partition.js'
import type { Traffic } from './traffic.js'
import { until } from './until.js'

export interface FaultReport {
  readonly fault: FaultName
  readonly node: string
  /** Since the demo began, in ms. */
  readonly atMs: number
  /** From the fault until the supervisor noticed it, until the node was ready again, and until all nodes counted at least what
   *  was acknowledged; for a cut, the last from healing on. In ms; undefined where it does not apply or did not come. */
  noticedMs?: number | undefined
  readyMs?: number
  rightMs?: number
  /** Attempts of customers that broke off meanwhile, and calls that failed, whatever the reason. */
  errors: number
  note: string
}

/** The fault under way. */
export interface CurrentFault {
  readonly report: FaultReport
  /** What is done to the node now, for the view. */
  activity: string
}

export interface FaultWorld {
  readonly nodes: readonly SupervisedNode[]
  readonly directory: string
  readonly partition: Partition
  readonly traffic: Traffic
  readonly ledger: Ledger
  readonly census: Census
  readonly journal: Journal
  readonly signal: AbortSignal
  /** Whether a later fault wants an older copy of some disk. */
  readonly wantsCopy: boolean
}

const RECOVERY_DEADLINE_MS = 30_000
const DRAIN_GRACE_MS = 15_000
const CUT_MS = 2_000
/** Traffic between two steps of a fault, so that there is something to lose. */
const BREATH_MS = 600

/** The faults, one at a time. */
export class Faults {
  readonly reports: FaultReport[] = []
  current: CurrentFault | undefined
  /** Older copies of disks, by node: where they are and when they were taken. */
  readonly #copies = new Map<string, { directory: string; atMs: number }>()
  /** What there was of them when the fault under way began. */
  #errorsBefore = 0

  constructor(readonly world: FaultWorld) {}

  /** Nodes of whose disk there is an older copy. */
  get copied(): ReadonlySet<string> {
    return new Set(this.#copies.keys())
  }

  /** Errors that customers saw while a node drained and was started again. */
  get drainErrors(): number {
    return this.reports.filter(({ fault }) => fault === 'drain').reduce((sum, { errors }) => sum + errors, 0)
  }

  /** Does it, and waits until all is well again or the deadline is over. */
  async run(fault: FaultName, node: SupervisedNode): Promise<void> {
    const { journal, signal, traffic } = this.world
    const report: FaultReport = { fault, node: node.name, atMs: journal.nowMs, errors: 0, note: '' }
    this.#errorsBefore = traffic.errors
    this.reports.push(report)
    this.current = { report, activity: '' }
    try {
      await this.#do(fault, node, report)
      journal.add(`all nodes count what was acknowledged: ${fault} ${node.name} is over`)
    } catch (error) {
      if (signal.aborted) throw error
      report.note = (error as Error).message
      journal.add(`${fault} ${node.name}: ${report.note}`)
    } finally {
      report.errors = traffic.errors - this.#errorsBefore
      this.current = undefined
    }
  }

  #do(fault: FaultName, node: SupervisedNode, report: FaultReport): Promise<void> {
    switch (fault) {
      case 'kill':
        return this.#kill(node, report)
      case 'freeze':
        return this.#freeze(node, report)
      case 'drain':
        return this.#drain(node, report)
      case 'cut':
        return this.#cut(node, report)
      case 'wipe':
        return this.#wipe(node, report)
      case 'restore':
        return this.#restore(node, report)
      default: {
        const unreachable: never = fault
        throw new TypeError(`unknown fault ${unreachable}`)
      }
    }
  }

  async #kill(node: SupervisedNode, report: FaultReport): Promise<void> {
    this.#tell('killed', `SIGKILL to ${node.name}`)
    this.#copyIfWanted(node)
    const startMs = performance.now()
    const { generation } = node
    node.signal('SIGKILL')
    await this.#recovered(node, generation, startMs, report)
  }

  async #freeze(node: SupervisedNode, report: FaultReport): Promise<void> {
    this.#tell('frozen', `SIGSTOP to ${node.name}: it hangs`)
    this.#copyIfWanted(node)
    const startMs = performance.now()
    const { generation } = node
    node.signal('SIGSTOP')
    await this.#recovered(node, generation, startMs, report)
  }

  /** A planned restart, of which nobody may notice anything. */
  async #drain(node: SupervisedNode, report: FaultReport): Promise<void> {
    const { traffic, signal } = this.world
    await traffic.become('patient')
    try {
      await sleep(BREATH_MS, undefined, { signal })
      this.#errorsBefore = traffic.errors
      this.#tell('draining', `SIGTERM to ${node.name}: it drains and ends, and is started again`)
      const startMs = performance.now()
      const { generation } = node
      await node.replace(DRAIN_GRACE_MS)
      report.note = `gone after ${((performance.now() - startMs) / 1000).toFixed(2)} s`
      await this.#recovered(node, generation, startMs, report)
      report.noticedMs = undefined
      if (traffic.errors > this.#errorsBefore) {
        const { atMs, text } = traffic.lastFailure
        report.note += `; the last error after ${((atMs - startMs) / 1000).toFixed(2)} s: ${text}`
      }
    } finally {
      await traffic.become('hasty')
    }
  }

  async #cut(node: SupervisedNode, report: FaultReport): Promise<void> {
    const { partition, traffic, ledger, census, journal, signal } = this.world
    this.#tell('cut off', `${node.name} is cut off from its peers`)
    const aloneBefore = traffic.aloneOn(node.name)
    partition.cut(node.name)
    await sleep(CUT_MS, undefined, { signal })
    const alone = traffic.aloneOn(node.name) - aloneBefore
    const floor = ledger.rows()
    const healedMs = performance.now()
    partition.heal(node.name)
    if (this.current) this.current.activity = 'healing'
    journal.add(`${node.name} is connected again; cut off, it answered ${alone} times that its disk alone has a count`)
    await census.allHold(floor, RECOVERY_DEADLINE_MS)
    report.rightMs = performance.now() - healedMs
    report.note = `cut off for ${CUT_MS / 1000} s; ${alone} times its disk alone had a count, which was tried elsewhere`
  }

  async #wipe(node: SupervisedNode, report: FaultReport): Promise<void> {
    const loseDisk = () => rm(node.spec.dataDir, { recursive: true, force: true })
    const text = `${node.name} loses its disk: killed, and its directory deleted`
    await this.#losesDisk(node, report, 'wiped', text, loseDisk)
    await this.world.census.removeLostStore(node, RECOVERY_DEADLINE_MS)
    this.world.journal.add(`the lost store of ${node.name} is taken out of the room: nothing waits for it any more`)
    await this.#admitted(node)
  }

  async #restore(node: SupervisedNode, report: FaultReport): Promise<void> {
    const { journal, signal } = this.world
    let copy = this.#copies.get(node.name)
    if (!copy) {
      this.#tell('backed up', `${node.name} is stopped for a backup of its disk`)
      node.beforeStart = () => this.#copy(node)
      const { generation } = node
      await node.replace(DRAIN_GRACE_MS)
      await this.#back(node, generation)
      copy = this.#copies.get(node.name)
      if (!copy) throw new Error('there is no copy of its disk')
      await sleep(BREATH_MS, undefined, { signal })
    }
    const { directory, atMs } = copy
    const ageSeconds = ((journal.nowMs - atMs) / 1000).toFixed(1)
    const rollBack = async () => {
      await rm(node.spec.dataDir, { recursive: true, force: true })
      await cp(directory, node.spec.dataDir, { recursive: true })
    }
    const text = `${node.name} is killed, and its disk replaced by a copy that is ${ageSeconds} s old`
    await this.#losesDisk(node, report, 'rolled back', text, rollBack)
    report.note = `the copy was ${ageSeconds} s old`
    await this.#admitted(node)
  }

  /** Waits until a node with a fresh id takes operations, which it does while all members are there: else a few such faults, and
   *  one node that is away, would leave nobody who takes them. */
  async #admitted(node: SupervisedNode): Promise<void> {
    await this.world.census.admitted(node, RECOVERY_DEADLINE_MS)
    this.world.journal.add(`${node.name} takes operations again, under a fresh id`)
  }

  /** Kills the node under traffic and takes its disk away. Nothing was acknowledged that this disk had alone. */
  async #losesDisk(
    node: SupervisedNode,
    report: FaultReport,
    activity: string,
    text: string,
    loseDisk: () => Promise<void>,
  ): Promise<void> {
    this.#tell(activity, text)
    const startMs = performance.now()
    const { generation } = node
    node.beforeStart = loseDisk
    node.signal('SIGKILL')
    await this.#recovered(node, generation, startMs, report)
  }

  /** Waits until the node was started again and is ready, and then until all nodes count what was acknowledged by then. */
  async #recovered(node: SupervisedNode, generation: number, startMs: number, report: FaultReport): Promise<void> {
    const { census, ledger } = this.world
    await this.#back(node, generation)
    report.noticedMs = node.noticedMs - startMs
    report.readyMs = node.readyMs - startMs
    await census.allHold(ledger.rows(), RECOVERY_DEADLINE_MS)
    report.rightMs = performance.now() - startMs
  }

  async #back(node: SupervisedNode, generation: number): Promise<void> {
    const back = () => node.generation > generation && node.phase === 'ready'
    await until(`${node.name} to be back`, back, RECOVERY_DEADLINE_MS, this.world.signal)
  }

  #copyIfWanted(node: SupervisedNode): void {
    if (this.world.wantsCopy && this.#copies.size === 0) node.beforeStart = () => this.#copy(node)
  }

  async #copy(node: SupervisedNode): Promise<void> {
    const directory = join(this.world.directory, `${node.name}.copy`)
    await cp(node.spec.dataDir, directory, { recursive: true })
    this.#copies.set(node.name, { directory, atMs: this.world.journal.nowMs })
    this.world.journal.add(`a copy of the disk of ${node.name} is taken, for later`)
  }

  #tell(activity: string, text: string): void {
    if (this.current) this.current.activity = activity
    this.world.journal.add(text)
  }
}
