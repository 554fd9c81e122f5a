import type { ReplicaId } from '@tallymesh/crdt'
import { Checks } from './check/checks.js'
import type { Sight, Stage } from './expectation.js'
import type { Observer } from './observer.js'
import type { Command, NodeName } from './plan/command.js'
import { loadOldRelease } from './releases.js'
import type { Scenario, ScenarioLine, Step } from './scenario.js'
import { heal, settle, settledNodes } from './settle.js'
import { World } from './world.js'

/** How long a line with commands takes, ms of virtual time: long enough for a write and some round trips. */
const LINE_MS = 100
/** How long nothing may change in a room that is at rest, ms: longer than any wait before another dial. */
const QUIET_MS = 12_000
const SETTLE_MS_MAX = 300_000
const OUTCOME_MS_MAX = 60_000
const LOOK_MS = 200

/** Plays a scenario in virtual time. All that the simulator checks is checked on the way, and once more at the end, when
 *  everything is healed; but not where a member is removed and may come back, which plans never do.
 *  @throws Error `FILE:LINE: …` at the first line that is not as expected: what it expected, and what it saw */
export async function runScenario(scenario: Scenario, seed = 1): Promise<void> {
  const { room, lines, file, title } = scenario
  if (room.releases) await loadOldRelease()
  const steps = lines.flatMap(line => line.steps)
  const events = steps.flatMap(step => (step.type === 'command' ? [{ command: step.command }] : []))
  if (events.some(({ command }) => command.verb === 'remove')) return new ScenarioRun(scenario, seed, SILENT).play()
  const checks = new Checks({ room, events }, { deep: true })
  const run = new ScenarioRun(scenario, seed, checks)
  await run.play()
  await run.finish(checks).catch(error => {
    throw new Error(`${file}: at the end of "${title}": ${error?.stack ?? error}`)
  })
}

/** Work changes nothing about who a node is; the rest may. */
const WORK: ReadonlySet<Command['verb']> = new Set(['add', 'group', 'many', 'read'])

class ScenarioRun implements Stage {
  readonly world: World
  /** The last id that each node was seen with. */
  readonly #ids = new Map<NodeName, ReplicaId>()
  readonly #before = new Map<NodeName, ReplicaId | 0>()

  constructor(
    readonly scenario: Scenario,
    seed: number,
    observer: Observer,
  ) {
    this.world = new World({ seed, room: scenario.room, observer })
  }

  async play(): Promise<void> {
    const { room, asleep, file, lines } = this.scenario
    for (const node of room.nodes) if (!asleep.includes(node)) await this.world.execute({ verb: 'start', node })
    await this.#settle()
    for (const line of lines) {
      const failed = await this.#play(line).catch(error => `the run broke: ${error?.stack ?? error}`)
      if (failed !== undefined) throw new Error(`${file}:${line.number}: ${failed}`)
    }
  }

  /** Heals everything, and checks what is left. */
  async finish(checks: Checks): Promise<void> {
    const nodes = [...this.world.nodes.values()]
    heal(this.world, nodes)
    await settle(this.world, nodes)
    checks.finish(settledNodes(nodes))
  }

  idBefore = (node: NodeName): ReplicaId | 0 => this.#before.get(node) ?? 0

  async outcome(): Promise<string | undefined> {
    const { world } = this
    const untilMs = world.time.nowMs + OUTCOME_MS_MAX
    while (world.lastOutcome === undefined && world.time.nowMs < untilMs) await this.#pass(LOOK_MS)
    return world.lastOutcome
  }

  /** Answers what is not as expected. */
  async #play({ steps, text }: ScenarioLine): Promise<string | undefined> {
    for (const step of steps) {
      const sight = await this.#take(step)
      if (sight && !sight.holds) return `expected ${text}, saw ${sight.saw}`
    }
    if (steps.some(({ type }) => type === 'command')) await this.#pass(LINE_MS)
    return undefined
  }

  async #take(step: Step): Promise<Sight | undefined> {
    switch (step.type) {
      case 'command':
        await this.#execute(step.command)
        return undefined
      case 'wait':
        await this.#pass(step.ms)
        return undefined
      case 'settle':
        await this.#settle()
        return undefined
      case 'expect':
        return step.expectation.look(this)
    }
  }

  async #execute(command: Command): Promise<void> {
    const { world } = this
    if (WORK.has(command.verb) || command.verb === 'remove' || command.verb === 'leave') world.lastOutcome = undefined
    if ('node' in command && !WORK.has(command.verb)) this.#before.set(command.node, this.#ids.get(command.node) ?? 0)
    if (command.verb === 'clone') this.#before.set(command.as, this.#ids.get(command.node) ?? 0)
    if (command.verb === 'remove') await this.#remove(command)
    else if (!(await world.execute(command))) throw new Error('the command does not apply')
    this.#noteIds()
  }

  /** As an operator does it, who may be refused, and whose node may be started again all the same. */
  async #remove({ node, by }: Extract<Command, { verb: 'remove' }>): Promise<void> {
    const { world } = this
    const { process } = world.node(by)
    if (!process) throw new Error(`${by} is down`)
    process.node.removeMember(world.node(node).disk.storeId).then(
      () => {
        world.lastOutcome = 'ok'
      },
      error => {
        world.lastOutcome = error.code
      },
    )
    await world.turns()
  }

  async #pass(ms: number): Promise<void> {
    await this.world.runUntil(this.world.time.nowMs + ms)
    this.#noteIds()
  }

  #noteIds(): void {
    for (const { name, process } of this.world.nodes.values()) {
      const id = process?.node.status === 'opening' ? 0 : (process?.replica.commits.replica ?? 0)
      if (id) this.#ids.set(name, id)
    }
  }

  /** Lets time pass until nothing has changed for long enough. */
  async #settle(): Promise<void> {
    const { time } = this.world
    const endMs = time.nowMs + SETTLE_MS_MAX
    let quietMs = 0
    for (let before = ''; quietMs < QUIET_MS; quietMs += LOOK_MS) {
      if (time.nowMs > endMs) throw new Error(`the room does not come to rest within ${SETTLE_MS_MAX} ms: ${before}`)
      await this.#pass(LOOK_MS)
      const picture = this.#picture()
      if (picture !== before) quietMs = 0
      before = picture
    }
  }

  #picture(): string {
    return [...this.world.nodes.values()]
      .map(({ name, process }) => {
        if (!process) return `${name} is down`
        if (process.node.status === 'opening') return `${name} opens`
        const logs = [...process.replica.room.logs].map(([id, log]) => `${id} ${log.clock} ${log.complete}`)
        const peers = [...process.replica.peers].map(({ identity }) => identity.name).sort()
        return `${name} ${process.node.status} ${process.atRest}: ${logs.join(', ')}; linked to ${peers.join(' ')}`
      })
      .join(' | ')
  }
}

const nothing = () => {}

/** Scenarios say themselves what must be seen. */
const SILENT: Observer = {
  started: nothing,
  attempted: nothing,
  ended: nothing,
  read: nothing,
  operated: nothing,
  operationEnded: nothing,
  stopped: nothing,
  recovering: nothing,
  lost: nothing,
  leaving: nothing,
  left: nothing,
  restored: nothing,
  sent: nothing,
  reported: nothing,
}
