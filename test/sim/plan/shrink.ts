import type { Plan, PlannedEvent } from './plan.js'
import { printPlan } from './plan-words.js'
import { simplerCommands } from './shrink-command.js'
import { smallerRooms, withoutNode } from './shrink-room.js'

export interface ShrinkOptions {
  /** How often `fails` may be asked. */
  readonly triesMax: number
  /** Told what got smaller, in a short sentence. */
  readonly progress?: (text: string) => void
}

/** Makes a plan that fails as small and plain as it can: drops events (delta debugging: Zeller and Hildebrandt, "Simplifying
 *  and Isolating Failure-Inducing Input"), nodes and keys, then simplifies what is left, until nothing more can go or the tries
 *  are used up. The same plan and answers give the same result, which `fails` answered true to, or which is `plan` itself. */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  options: ShrinkOptions,
): Promise<Plan> {
  const shrinker = new Shrinker(plan, fails, options)
  return shrinker.run()
}

class Shrinker {
  #tries = 0
  readonly #tried = new Set<string>()

  constructor(
    public plan: Plan,
    readonly fails: (plan: Plan) => Promise<boolean>,
    readonly options: ShrinkOptions,
  ) {
    this.#tried.add(printPlan(plan))
  }

  async run(): Promise<Plan> {
    for (let before: Plan | undefined; before !== this.plan && !this.#spent; ) {
      before = this.plan
      await this.#dropEvents()
      await this.#dropNodes()
      await this.#simplifyRoom()
      await this.#simplifyEvents()
      await this.#tightenTimes()
    }
    return this.plan
  }

  get #spent(): boolean {
    return this.#tries >= this.options.triesMax
  }

  /** Goes on with `plan` if it fails, too. */
  async #try(plan: Plan): Promise<boolean> {
    if (this.#spent) return false
    const text = printPlan(plan)
    if (this.#tried.has(text)) return false
    this.#tried.add(text)
    this.#tries++
    if (!(await this.fails(plan))) return false
    this.plan = plan
    const { events, room } = plan
    this.options.progress?.(`${events.length} events, ${room.nodes.length} nodes after ${this.#tries} tries`)
    return true
  }

  #tryEvents(events: readonly PlannedEvent[]): Promise<boolean> {
    return this.#try({ ...this.plan, events })
  }

  /** Drops runs of events, the longest first, down to single ones. The later ones first: what broke is often there already. */
  async #dropEvents(): Promise<void> {
    for (let size = this.plan.events.length; size >= 1 && !this.#spent; size = Math.floor(size / 2)) {
      for (let end = this.plan.events.length; end > 0; end -= size) {
        const { events } = this.plan
        const from = Math.max(0, end - size)
        await this.#tryEvents([...events.slice(0, from), ...events.slice(end)])
      }
    }
  }

  async #dropNodes(): Promise<void> {
    for (const node of [...this.plan.room.nodes].reverse()) {
      if (this.plan.room.nodes.length > 1) await this.#try(withoutNode(this.plan, node))
    }
  }

  async #simplifyRoom(): Promise<void> {
    for (let i = 0; ; i++) {
      const simpler = smallerRooms(this.plan)[i]
      if (simpler === undefined) return
      await this.#try(simpler)
    }
  }

  async #simplifyEvents(): Promise<void> {
    for (let i = this.plan.events.length - 1; i >= 0; i--) {
      // What got simpler may get simpler yet.
      for (let changed = true; changed && !this.#spent; ) changed = await this.#simplifyEvent(i)
    }
  }

  async #simplifyEvent(at: number): Promise<boolean> {
    const { events, room } = this.plan
    const { atMs, command } = events[at] as PlannedEvent
    for (const simpler of simplerCommands(command, room.distinct)) {
      if (await this.#tryEvents(events.with(at, { atMs, command: simpler }))) return true
    }
    return false
  }

  /** Moves events closer together: all of them, then one gap after the other; and to whole ms. */
  async #tightenTimes(): Promise<void> {
    for (const share of [0, 0.1, 0.5]) {
      await this.#tryEvents(this.plan.events.map(({ atMs, command }) => ({ atMs: Math.floor(atMs * share), command })))
    }
    for (let i = 0; i < this.plan.events.length && !this.#spent; i++) {
      const gapMs = this.#at(i) - (i > 0 ? this.#at(i - 1) : 0)
      for (const smallerMs of [0, 1, 10, Math.floor(gapMs / 2), Math.floor(gapMs)]) {
        if (smallerMs < gapMs && (await this.#tryEvents(this.#earlier(i, gapMs - smallerMs)))) break
      }
    }
  }

  #at(index: number): number {
    return this.plan.events[index]?.atMs ?? 0
  }

  /** All events from this one on, so much earlier. */
  #earlier(from: number, byMs: number): readonly PlannedEvent[] {
    return this.plan.events.map(({ atMs, command }, i) => ({ atMs: i < from ? atMs : rounded(atMs - byMs), command }))
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
