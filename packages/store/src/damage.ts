import { type ReplicaId, showReplicaId, TallymeshError } from '@tallymesh/crdt'

const SENTENCES_SHOWN = 5

/** What was found damaged while a store was opened, and which logs it concerns. */
export class Damage {
  readonly #sentences: string[] = []
  readonly #logs = new Map<ReplicaId, string[]>()
  #everywhere = false

  get found(): boolean {
    return this.#sentences.length > 0
  }

  get sentences(): readonly string[] {
    return this.#sentences
  }

  /** Whether a log may be damaged, and not only what lies beside the logs. */
  get inLogs(): boolean {
    return this.#everywhere || this.#logs.size > 0
  }

  /** Damage beside the logs: they are all whole. */
  addBeside(sentence: string): void {
    this.#sentences.push(sentence)
  }

  /** Damage that is known to lie in one log. */
  addIn(log: ReplicaId, sentence: string): void {
    this.#sentences.push(`log ${showReplicaId(log)}: ${sentence}`)
    this.#logs.set(log, [...(this.#logs.get(log) ?? []), sentence])
  }

  /** Damage that may concern any log. */
  addAnywhere(sentence: string): void {
    this.#sentences.push(sentence)
    this.#everywhere = true
  }

  /** What to say of `log`, or undefined where it is whole. */
  of(log: ReplicaId): string | undefined {
    const own = this.#logs.get(log)
    if (own) return own.join('; ')
    return this.#everywhere ? `it may lack records: ${this.#shown()}` : undefined
  }

  toError(dir: string): TallymeshError {
    return new TallymeshError(
      'STORE_CORRUPT',
      `the store in ${dir} is damaged: ${this.#shown()}. Restore the directory from a backup, or start with an empty ` +
        'one and let the peers send everything back, or open it with repair: true (--repair) to keep what can be read',
    )
  }

  #shown(): string {
    const more = this.#sentences.length - SENTENCES_SHOWN
    const shown = this.#sentences.slice(0, SENTENCES_SHOWN).join('; ')
    return more > 0 ? `${shown}; and ${more} more` : shown
  }
}
