import type { TestFile } from './find-tests.js'
import type { TestProcess } from './test-process.js'

/** The process that a lane has, and what it was started for. */
export interface Held {
  readonly process: TestProcess
  readonly group: string
}

/** The files of a run, handed out to lanes that run them side by side. */
export class FileQueue {
  readonly #files: TestFile[]
  /** How many lanes are at files of a group. */
  readonly #lanes = new Map<string, number>()

  constructor(files: readonly TestFile[]) {
    // The long ones first: the last of them would run alone.
    this.#files = files.toSorted((a, b) => b.deadlineMs - a.deadlineMs)
  }

  /** The next file for a lane. Of those that may take equally long it is one of the group that the lane is at, since its process has
   *  loaded what they need, or else one of a group that no other lane is at. */
  take(group: string | undefined): TestFile | undefined {
    const [longest] = this.#files
    if (group !== undefined) this.#count(group, -1)
    if (longest === undefined) return undefined
    const equal = this.#files.filter(({ deadlineMs }) => deadlineMs === longest.deadlineMs)
    const file =
      equal.find(other => other.group === group) ?? equal.find(other => !this.#lanes.get(other.group)) ?? longest
    this.#files.splice(this.#files.indexOf(file), 1)
    this.#count(file.group, 1)
    return file
  }

  #count(group: string, change: number): void {
    this.#lanes.set(group, (this.#lanes.get(group) ?? 0) + change)
  }
}
