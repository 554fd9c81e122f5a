import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Guard, type Supervisor } from '@tallymesh/server'
import { type Balancer, chooseBalancer, openBalancer } from './balancer.js'
import { Census } from './census.js'
import { FaultPlan } from './fault-plan.js'
import { Faults } from './faults.js'
import type { Flags } from './flags.js'
import { Journal } from './journal.js'
import { Ledger } from './ledger.js'
import { NodeFigures } from './node-figures.js'
import { Partition } from './partition.js'
import { freePort } from './ports.js'
import { Seeded } from './seeded.js'
import { faultLines, trafficLines, verdictLines } from './summary.js'
import { superviseNodes } from './supervision.js'
import { Traffic } from './traffic.js'
import { judge } from './verdict.js'
import { View } from './view.js'

const CUSTOMERS = 16
const RATE_PER_SECOND_MAX = 400
const START_DEADLINE_MS = 60_000
/** After the end of the traffic: of operations that are still tried, and then of nodes to agree. */
const SETTLE_DEADLINE_MS = 60_000
const AGREE_DEADLINE_MS = 30_000
const STOP_GRACE_MS = 10_000

/** Runs the demo from the first directory to the last. @returns whether the verdict passed */
export async function runDemo(flags: Flags, signal: AbortSignal): Promise<boolean> {
  const chosen = chooseBalancer(flags.balancer)
  const guard = new Guard(STOP_GRACE_MS)
  const directory = await mkdtemp(join(tmpdir(), 'tallymesh-demo-'))
  guard.clear(flags.keep ? undefined : directory)
  const names = Array.from({ length: flags.nodes }, (_, i) => `api-${i + 1}`)
  const ports = await portsFor(names)
  const journal = new Journal()
  const view = new View(process.stdout, process.env, journal)
  const partition = await Partition.open(ports)
  const supervisor = superviseNodes({ directory, ports, partition, journal, guard })
  let balancer: Balancer | undefined
  try {
    view.line(`${flags.nodes} ${flags.nodes === 1 ? 'node' : 'nodes'}, seed ${flags.seed}, data in ${directory}`)
    supervisor.start()
    await supervisor.settled(START_DEADLINE_MS, signal)
    if (supervisor.givenUp.length > 0) throw new Error('some nodes cannot be started; --keep keeps their logs')
    journal.add('all nodes are ready')
    balancer = await openBalancer(chosen, { directory, ports, guard, journal, signal })
    journal.add(`requests go through ${balancer.title}`)
    return await runTraffic({ flags, signal, directory, journal, view, partition, supervisor, balancer })
  } finally {
    view.stop()
    await supervisor.stop(signal.aborted ? 0 : STOP_GRACE_MS)
    await balancer?.close()
    partition.close()
    await guard.leave()
    if (flags.keep) view.line(`the data directory is kept: ${directory}`)
  }
}

interface Stage {
  readonly flags: Flags
  readonly signal: AbortSignal
  readonly directory: string
  readonly journal: Journal
  readonly view: View
  readonly partition: Partition
  readonly supervisor: Supervisor
  readonly balancer: Balancer
}

async function runTraffic(stage: Stage): Promise<boolean> {
  const { flags, signal, directory, journal, view, partition, supervisor, balancer } = stage
  const { nodes } = supervisor
  const ledger = new Ledger()
  const census = new Census(nodes, signal)
  // Customers and faults draw from seeds of their own: how many customers came changes no fault.
  const random = new Seeded(flags.seed ^ 0x5eed)
  const replicas = nodes.length > 1 ? 2 : 1
  const pace = { customers: CUSTOMERS, ratePerSecondMax: RATE_PER_SECOND_MAX }
  const traffic = new Traffic({ urls: balancer.urls, ledger, random, replicas, ...pace })
  const wantsCopy = flags.faults.includes('restore') && nodes.length > 1
  const faults = new Faults({ nodes, directory, partition, traffic, ledger, census, journal, signal, wantsCopy })
  const plan = new FaultPlan(faults, flags.faults, nodes, new Seeded(flags.seed))
  const figures = new NodeFigures(census, nodes)
  const { seconds, seed } = flags
  view.start({ nodes, figures, balancer, traffic, ledger, faults, journal, seconds, seed })
  figures.start()
  try {
    const flowedMs = await letFlow(traffic, ledger, plan, stage)
    await settle(census, journal, signal)
    await Promise.all([...nodes.map(node => node.probe()), figures.refresh()])
    view.stop()
    return await closeBooks({ traffic, ledger, census, faults, plan, flowedMs }, stage)
  } finally {
    figures.stop()
    await census.close()
  }
}

/** Waits until all nodes count the same, and says how long that took, or that it did not come. */
async function settle(census: Census, journal: Journal, signal: AbortSignal): Promise<void> {
  const startMs = performance.now()
  try {
    await census.agreed(AGREE_DEADLINE_MS)
    journal.add(`all nodes agree ${Math.round(performance.now() - startMs)} ms after the end`)
  } catch (error) {
    if (signal.aborted) throw error
    journal.add((error as Error).message)
  }
}

interface Books {
  readonly traffic: Traffic
  readonly ledger: Ledger
  readonly census: Census
  readonly faults: Faults
  readonly plan: FaultPlan
  /** How long the traffic flowed. */
  readonly flowedMs: number
}

/** Compares what customers were told with what the nodes count, and shows it. @returns whether the verdict passed */
async function closeBooks(books: Books, { flags, directory, view, supervisor }: Stage): Promise<boolean> {
  const { traffic, ledger, census, faults, plan, flowedMs } = books
  if (flags.plant !== 'none') {
    view.line(`planted, to see that the verdict finds it: ${flags.plant} on ${ledger.plant(flags.plant)}`)
  }
  const verdict = judge(ledger, await census.take(), faults.drainErrors)
  const names = supervisor.nodes.map(({ name }) => name)
  const sections = [
    faultLines(faults.reports, plan.skipped),
    trafficLines(traffic, ledger, flowedMs),
    verdictLines(verdict, names),
  ]
  for (const line of sections.flatMap(lines => ['', ...lines])) view.line(line)
  if (flags.keep) await writeFile(join(directory, 'verdict.json'), `${JSON.stringify(verdict, undefined, 2)}\n`)
  return verdict.passed
}

/** Traffic and faults together. @returns how long the traffic flowed, in ms */
async function letFlow(
  traffic: Traffic,
  ledger: Ledger,
  plan: FaultPlan,
  { flags, signal, journal }: Stage,
): Promise<number> {
  const durationMs = flags.seconds * 1_000
  let flowedMs = 0
  const ending = async () => {
    await sleep(durationMs, undefined, { signal })
    flowedMs = traffic.flowedMs
    journal.add('the traffic ends')
    await traffic.stop(SETTLE_DEADLINE_MS)
    journal.add(ledger.open.length === 0 ? 'every operation is settled' : `${ledger.open.length} operations stay open`)
  }
  traffic.start()
  try {
    await Promise.all([ending(), plan.run(performance.now() + durationMs, signal)])
  } finally {
    await traffic.abort()
  }
  return flowedMs
}

async function portsFor(names: readonly string[]): Promise<Map<string, number>> {
  const ports = new Map<string, number>()
  for (const name of names) ports.set(name, await freePort())
  return ports
}
