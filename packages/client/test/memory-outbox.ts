import { newOperationId } from '../src/index.js'
import type { KeptOperation, LeftBehind, Outbox, OutboxChange } from '../src/outbox.js'

export function operationOf(key: string, add = 1, id = newOperationId(), madeAtMs = Date.now()): KeptOperation {
  return { id, additions: [{ key, add }], madeAtMs }
}

/** An outbox that can be looked at, and fails when it is told to. */
export class MemoryOutbox implements Outbox {
  readonly kept = new Map<string, KeptOperation>()
  readonly changes: OutboxChange[] = []
  readonly damage: string[] = []
  closed = false
  failing: unknown

  constructor(left: readonly KeptOperation[] = []) {
    for (const operation of left) this.kept.set(operation.id, operation)
  }

  async open(): Promise<LeftBehind> {
    if (this.failing !== undefined) throw this.failing
    return { operations: [...this.kept.values()], damage: this.damage }
  }

  async commit(change: OutboxChange): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (this.failing !== undefined) throw this.failing
    this.changes.push(change)
    for (const operation of change.keep) this.kept.set(operation.id, operation)
    for (const id of change.drop) this.kept.delete(id)
  }

  async close(): Promise<void> {
    this.closed = true
  }

  /** What is kept, as text. */
  get shown(): string[] {
    return Array.from(this.kept.values(), ({ additions }) => additions.map(({ key, add }) => `${key}${add}`).join(' '))
  }
}
