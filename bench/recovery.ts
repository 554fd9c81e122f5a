import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Guard, type NodeSpec, SupervisedBalancer, type SupervisedNode, Supervisor } from '@tallymesh/server'
import type { Benchmark, Setting } from './benchmark.js'
import type { Findings } from './report.js'
import type { Scratch } from './scratch.js'
import { freePort } from './server-process.js'

const NODES = 3
const HOST = '127.0.0.1'
const LANES = 8
const READY_MS_MAX = 60_000
const ROTATION_MS_MAX = 2_000
const BACK_MS_MAX = 3_000

export const recovery: Benchmark = {
  name: 'recovery',
  about:
    'a node of three behind HAProxy is killed by SIGKILL: until the last request failed that the balancer gave it, and until the ' +
    'supervisor has it ready again with what it acknowledged; must hold: 2 s and 3 s',
  run,
}

async function run({ quick, scratch }: Setting): Promise<Omit<Findings, 'name'>> {
  const room = await SupervisedRoom.start(scratch)
  const failedForMs: number[] = []
  const backMs: number[] = []
  try {
    for (let round = 0; round < (quick ? 1 : NODES); round++) {
      const found = await room.kill(room.supervisor.nodes[round] as SupervisedNode)
      failedForMs.push(found.failedForMs)
      backMs.push(found.backMs)
      await pause(1_000)
    }
  } finally {
    await room.stop()
  }
  const rotation = { what: 'until the last failed request', unit: 'ms' as const, samples: failedForMs }
  const back = { what: 'until it is ready again, with its values', unit: 'ms' as const, samples: backMs }
  return {
    tables: [{ title: 'after SIGKILL to a node', figures: [rotation, back] }],
    bounds: [
      { figure: rotation, max: ROTATION_MS_MAX },
      { figure: back, max: BACK_MS_MAX },
    ],
    notes: [`${room.acknowledged} adds were acknowledged meanwhile, ${room.failed} failed or stayed in doubt`],
  }
}

/** Nodes under a supervisor, behind HAProxy, with callers that never stop. */
class SupervisedRoom {
  acknowledged = 0
  failed = 0
  #lastFailedMs = 0
  #stopped = false
  readonly #lanes: Promise<void>[]

  private constructor(
    readonly supervisor: Supervisor,
    readonly balancer: SupervisedBalancer,
    readonly guard: Guard,
  ) {
    this.#lanes = Array.from({ length: LANES }, (_, lane) => this.#call(lane))
  }

  static async start(scratch: Scratch): Promise<SupervisedRoom> {
    const dir = scratch.dir()
    mkdirSync(dir, { recursive: true })
    const ports = await Promise.all(Array.from({ length: NODES + 1 }, freePort))
    const [port = 0, ...nodePorts] = ports
    const nodes = nodePorts.map((own, i): NodeSpec => {
      const peers = nodePorts.filter(other => other !== own).map(other => `ws://${HOST}:${other}`)
      const flags = ['--runtime-dir', scratch.runtimeDir]
      return { name: `n${i}`, host: HOST, port: own, dataDir: join(dir, `n${i}`), peers, flags }
    })
    const guard = new Guard()
    const supervisor = new Supervisor({ nodes, logDir: dir, guard })
    const files = { directory: join(dir, 'haproxy'), logFile: join(dir, 'haproxy.log') }
    const place = { host: HOST, port, servers: nodes }
    const balancer = new SupervisedBalancer({ kind: 'haproxy', ...place, ...files, guard, report: () => {} })
    supervisor.start()
    await supervisor.settled(READY_MS_MAX)
    balancer.start()
    await balancer.passing(READY_MS_MAX)
    return new SupervisedRoom(supervisor, balancer, guard)
  }

  async kill(node: SupervisedNode): Promise<{ failedForMs: number; backMs: number }> {
    const { generation } = node
    const value = await valueAt(node)
    const killedMs = performance.now()
    this.#lastFailedMs = killedMs
    node.signal('SIGKILL')
    while (node.generation === generation || node.phase !== 'ready') {
      if (performance.now() - killedMs > READY_MS_MAX) throw new Error(`${node.name} did not come back`)
      await pause(5)
    }
    const backMs = node.readyMs - killedMs
    if ((await valueAt(node)) < value) throw new Error(`${node.name} came back with less than it had`)
    await pause(500)
    return { failedForMs: this.#lastFailedMs - killedMs, backMs }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
    await this.balancer.stop()
    await this.supervisor.stop(5_000)
    await this.guard.leave()
  }

  async #call(lane: number): Promise<void> {
    const { port } = this.balancer.options
    while (!this.#stopped) {
      if (await add(`http://${HOST}:${port}/v1/counters/lane-${lane}`)) this.acknowledged++
      else {
        this.failed++
        this.#lastFailedMs = performance.now()
      }
      await pause(5)
    }
  }
}

async function add(url: string): Promise<boolean> {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: '{"add":1}',
      signal: AbortSignal.timeout(5_000),
    })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

async function valueAt({ spec: { host, port } }: SupervisedNode): Promise<number> {
  const response = await fetch(`http://${host}:${port}/v1/counters/lane-0`)
  return ((await response.json()) as { value: number }).value
}
