import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plan } from '../plan/plan.js'
import { parsePlan } from '../plan/words.js'

/** A plan that failed once. */
export interface Regression {
  /** The name of its file, without `.txt`. */
  readonly name: string
  /** What it found. */
  readonly story: string
  readonly plan: Plan
}

// This file is compiled to test/dist/sim/regressions/regressions.js.
const DIRECTORY = fileURLToPath(new URL('../../../sim/regressions/', import.meta.url))

/** Reads all plans that failed once, by name.
 *  @throws Error naming the file where one is no plan, or does not begin with a comment that says what it found */
export function readRegressions(directory = DIRECTORY): Regression[] {
  const files = readdirSync(directory).filter(file => file.endsWith('.txt'))
  return files.sort().map(file => {
    const text = readFileSync(`${directory}${file}`, 'utf8')
    const story = /^(?:#.*\n)+/.exec(text)?.[0].replace(/^# ?/gm, '').trim()
    if (!story) throw new Error(`${file} does not begin with a comment that says what it found`)
    try {
      return { name: file.slice(0, -'.txt'.length), story, plan: parsePlan(text) }
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`)
    }
  })
}
