import type { Command, Verb } from '../plan/command.js'

type Kind = Verb | 'clone here'

/** Which commands a run holds: what may be blamed on them, and what may not. */
export class Faults {
  readonly #kinds: ReadonlySet<Kind> | undefined

  /** @param commands undefined: any may come */
  constructor(commands: Iterable<Command> | undefined) {
    if (!commands) return
    const kinds = new Set<Kind>()
    for (const command of commands) {
      kinds.add(command.verb)
      if (command.verb === 'clone' && command.here) kinds.add('clone here')
    }
    this.#kinds = kinds
  }

  may(kind: Kind): boolean {
    return this.#kinds?.has(kind) ?? true
  }

  /** Whether two histories may come to be under one replica id. A copied disk may hold a commit that was never acknowledged, and
   *  that its original lost and wrote anew; on the same machine, copy and original may take turns. */
  get mayFork(): boolean {
    if (this.may('restore') || this.may('clone here')) return true
    return this.may('clone') && (this.may('rollback') || this.may('disk'))
  }
}
