import { ClassicLevel } from 'classic-level'

/** Synced puts of one size, one at a time. Who asks while one is under way shares the next: what is left of counting durably where nothing is counted. */
export class SharedPut {
  readonly #level: ClassicLevel<string, Uint8Array>
  readonly #bytes: number
  #current: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  private constructor(level: ClassicLevel<string, Uint8Array>, bytes: number) {
    this.#level = level
    this.#bytes = bytes
  }

  static async open(dir: string, bytes: number): Promise<SharedPut> {
    const level = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' })
    await level.open()
    return new SharedPut(level, bytes)
  }

  ask(): Promise<void> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined
      this.#current = this.#level.put('counters', new Uint8Array(this.#bytes), { sync: true })
      return this.#current
    })
    return this.#next
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}
