import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Balancer, chooseBalancer, openBalancer } from './balancer.js'
import { Census } from './census.js'
import { FaultPlan } from './fault-plan.js'
import { Faults } from './faults.js'
import type { Flags } from './flags.js'
import { Guard } from './guard.js'
import { Journal } from './journal.js'
import { Ledger } from './ledger.js'
import { Partition } from './partition.js'
import { freePort } from './ports.js'
import { Seeded } from './seeded.js'
import { faultLines, trafficLines, verdictLines } from './summary.js'
import { Supervisor } from './supervisor.js'
import { Traffic } from './traffic.js'
import { judge } from './verdict.js'
import { View } from './view.js'

const LANES = 32
const RATE_PER_SECOND_MAX = 800
const SETTLE_DEADLINE_MS = 10_000
const STOP_GRACE_MS = 3_000

/** Runs the demo from the first directory to the last. @returns whether the verdict passed */
export async function runDemo(flags: Flags, signal: AbortSignal): Promise<boolean> {
  const chosen = chooseBalancer(flags.balancer)
  const guard = new Guard()
  const directory = await mkdtemp(join(tmpdir(), 'tallymesh-demo-'))
  guard.order({ type: 'clear', directory: flags.keep ? undefined : directory })
  const names = Array.from({ length: flags.nodes }, (_, i) => `api-${i + 1}`)
  const httpPorts = await portsFor(names)
  const meshPorts = await portsFor(names)
  const journal = new Journal()
  const view = new View(process.stdout, process.env, journal)
  const partition = await Partition.open(meshPorts)
  const supervisor = new Supervisor({ directory, httpPorts, meshPorts, partition, journal, guard })
  let balancer: Balancer | undefined
  try {
    view.line(`${flags.nodes} ${flags.nodes === 1 ? 'node' : 'nodes'}, seed ${flags.seed}, data in ${directory}`)
    await supervisor.start(signal)
    journal.add('all nodes are ready')
    balancer = await openBalancer(chosen, { directory, httpPorts, guard, signal })
    journal.add(`requests go through ${balancer.title}`)
    return await runTraffic({ flags, signal, directory, journal, view, partition, supervisor, balancer, guard })
  } finally {
    view.stop()
    balancer?.close()
    await supervisor.stop(signal.aborted ? 0 : STOP_GRACE_MS)
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
  readonly guard: Guard
}

async function runTraffic(stage: Stage): Promise<boolean> {
  const { flags, signal, directory, journal, view, partition, supervisor, balancer, guard } = stage
  const { nodes } = supervisor
  const ledger = new Ledger()
  const census = new Census(nodes, ledger, signal)
  // Customers and faults draw from seeds of their own: how many customers came changes no fault.
  const random = new Seeded(flags.seed ^ 0x5eed)
  const traffic = new Traffic({ balancer, ledger, random, lanes: LANES, ratePerSecondMax: RATE_PER_SECOND_MAX })
  const wantsCopy = flags.faults.includes('restore') && nodes.length > 1
  const faults = new Faults({ nodes, directory, partition, traffic, ledger, census, journal, signal, wantsCopy })
  const plan = new FaultPlan(faults, flags.faults, nodes, new Seeded(flags.seed))
  view.start({ nodes, balancer, traffic, ledger, faults, journal, seconds: flags.seconds, seed: flags.seed })
  const flowedMs = await letFlow(traffic, plan, stage)
  const settleMs = performance.now()
  try {
    await census.agreed(SETTLE_DEADLINE_MS)
    journal.add(`all nodes agree ${Math.round(performance.now() - settleMs)} ms after the end`)
  } catch (error) {
    if (signal.aborted) throw error
    journal.add((error as Error).message)
  }
  await Promise.all(nodes.map(node => node.probe()))
  view.stop()
  if (guard.ended !== undefined) view.line(`${balancer.title} ended during the demo: ${guard.ended}`)
  if (flags.plant !== 'none')
    view.line(`planted, to see that the verdict finds it: ${flags.plant} on ${ledger.plant(flags.plant)}`)
  const verdict = judge(ledger.rows(), await census.take())
  const sections = [
    faultLines(faults.reports, plan.skipped),
    trafficLines(traffic, ledger, flowedMs),
    verdictLines(
      verdict,
      nodes.map(({ name }) => name),
    ),
  ]
  for (const line of sections.flatMap(lines => ['', ...lines])) view.line(line)
  if (flags.keep) await writeFile(join(directory, 'verdict.json'), `${JSON.stringify(verdict, undefined, 2)}\n`)
  return verdict.passed
}

/** Traffic and faults together. @returns how long the traffic flowed, in ms */
async function letFlow(traffic: Traffic, plan: FaultPlan, { flags, signal, journal }: Stage): Promise<number> {
  const durationMs = flags.seconds * 1_000
  let flowedMs = 0
  const ending = async () => {
    await sleep(durationMs, undefined, { signal })
    flowedMs = traffic.flowedMs
    journal.add('the traffic ends')
    await traffic.stop()
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
