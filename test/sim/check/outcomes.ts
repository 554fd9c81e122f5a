import type { NodeName } from '../plan/command.js'
import { Breach } from './breach.js'
import type { Faults } from './faults.js'
import { type Ledger, showOperation, type Tracked } from './ledger.js'

interface Life {
  readonly life: number
  /** The last operation that began before it took counts. */
  readonly readyAfter: number
  /** Its disk failed, or it gave up: calls may be refused or left open. */
  troubled: boolean
}

/** What ends a node's counting for good. */
const FATAL = new Set(['IDENTITY_CONTESTED', 'MEMBER_REMOVED', 'STORE_CORRUPT', 'WITNESS_STUCK'])

/** Asks that no call ends badly without cause: whatever the network does, a node whose disk works counts. */
export class Outcomes {
  readonly counts = { ok: 0, refused: 0, indeterminate: 0, notReplicated: 0 }
  readonly #lives = new Map<NodeName, Life>()
  #lastOperation = 0

  constructor(
    readonly ledger: Ledger,
    readonly faults: Faults,
  ) {}

  started(node: NodeName, life: number): void {
    this.#lives.set(node, { life, readyAfter: this.#lastOperation, troubled: false })
  }

  attempted({ operation }: Tracked): void {
    this.#lastOperation = operation.id
  }

  recovering(node: NodeName, life: number): void {
    const known = this.#lives.get(node)
    if (known?.life === life) known.troubled = true
  }

  reported(node: NodeName, life: number, code: string): void {
    if (FATAL.has(code)) this.recovering(node, life)
  }

  /** @throws Breach */
  ended(tracked: Tracked): void {
    const { counts } = this
    const code = tracked.code as string
    if (code === 'ok') counts.ok++
    else if (code === 'NOT_REPLICATED') counts.notReplicated++
    else if (code === 'INDETERMINATE') counts.indeterminate++
    else counts.refused++
    if (this.#isFounded(tracked, code)) return
    throw new Breach(7, `ended-${code}`, `${showOperation(tracked)}, without cause`)
  }

  #isFounded(tracked: Tracked, code: string): boolean {
    const { operation } = tracked
    const life = this.#lives.get(operation.node)
    const known = life?.life === operation.life ? life : undefined
    switch (code) {
      case 'NOT_REPLICATED':
        return operation.replicas !== 1
      case 'NOT_READY':
        return known === undefined || known.troubled || operation.id <= known.readyAfter
      case 'INDETERMINATE':
        return known?.troubled === true || this.#mayClose
      case 'NODE_CLOSED':
        return this.#mayClose
      case 'COUNTER_OVERFLOW':
        return operation.entries.some(({ key, amount }) => this.#mayOverflow(operation.entries, key, amount))
      default:
        return true
    }
  }

  get #mayClose(): boolean {
    return this.faults.may('stop') || this.faults.may('leave')
  }

  /** No slot can hold more than all that was ever counted on its key, this refusal included. */
  #mayOverflow(entries: Tracked['operation']['entries'], key: string, amount: number): boolean {
    let counted = this.ledger.side(key, amount)?.counted ?? 0n
    for (const entry of entries) {
      if (entry.key === key && entry.amount > 0 === amount > 0) counted += BigInt(Math.abs(entry.amount))
    }
    return counted > BigInt(Number.MAX_SAFE_INTEGER)
  }
}
