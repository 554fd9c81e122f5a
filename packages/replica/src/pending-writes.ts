import type { LogWrite, ReplicaId } from '@tallymesh/crdt'

/** What of others' logs waits for the disk. */
export class PendingWrites {
  #writes: LogWrite[] = []
  /** What to write of logs that are fetched afresh: the disk keeps its part until the whole is here. */
  readonly #refetched = new Map<ReplicaId, LogWrite[]>()

  get any(): boolean {
    return this.#writes.length > 0
  }

  add(write: LogWrite): void {
    const writes = this.#refetched.get(write.log) ?? this.#writes
    writes.push(write)
  }

  /** What is written of the log from now on takes the place of what the disk has, once it is released. */
  hold(log: ReplicaId): void {
    this.#refetched.set(log, [{ log, drop: true }])
  }

  release(log: ReplicaId): void {
    this.#writes.push(...(this.#refetched.get(log) ?? []))
    this.#refetched.delete(log)
  }

  /** What waits; the caller now answers for it. With `holdDrops`, dropped logs stay on the disk for now: what they said is not yet
   *  carried by others. */
  take(holdDrops: boolean): LogWrite[] {
    const writes = this.#writes
    const dropped = new Set(holdDrops ? writes.filter(({ drop }) => drop).map(({ log }) => log) : [])
    this.#writes = writes.filter(({ log }) => dropped.has(log))
    return writes.filter(({ log }) => !dropped.has(log))
  }
}
