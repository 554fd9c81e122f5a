import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TMPFS = 0x01021994

/** Directories that go away with the benchmark, even when it is interrupted. */
export class Scratch {
  readonly #root = mkdtempSync(join(tmpdir(), 'tallymesh-bench-'))
  readonly #runtime: string
  #dirs = 0
  readonly #remove = () => this.remove()

  constructor() {
    // The witness belongs where a reboot clears it, and into no directory that real nodes of this machine use.
    this.#runtime = madeBelow('/dev/shm') ?? this.dir()
    process.on('exit', this.#remove)
    // Without a listener a signal ends the process at once, and nothing would be removed.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  }

  /** A new name; nothing is there yet. */
  dir(): string {
    return join(this.#root, `${this.#dirs++}`)
  }

  get runtimeDir(): string {
    return this.#runtime
  }

  /** Whether what is written here never reaches a disk. */
  get inMemory(): boolean {
    return statfsSync(this.#root).type === TMPFS
  }

  remove(): void {
    process.off('exit', this.#remove)
    rmSync(this.#root, { recursive: true, force: true })
    rmSync(this.#runtime, { recursive: true, force: true })
  }
}

function madeBelow(parent: string): string | undefined {
  try {
    return mkdtempSync(join(parent, 'tallymesh-bench-'))
  } catch {
    return undefined
  }
}
