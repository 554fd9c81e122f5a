import type { Findings } from './report.js'
import type { Scratch } from './scratch.js'

/** What a benchmark is given. */
export interface Setting {
  readonly quick: boolean
  readonly scratch: Scratch
}

export interface Benchmark {
  readonly name: string
  /** What is measured, beside what, and what must hold. */
  readonly about: string
  readonly run: (setting: Setting) => Promise<Omit<Findings, 'name'>>
}
