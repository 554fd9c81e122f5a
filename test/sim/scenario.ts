import { type Expectation, readExpectation } from './expectation.js'
import type { Command, NodeName } from './plan/command.js'
import type { RoomSpec } from './plan/plan.js'
import { isVerb, LineWords, RoomReader, readCommand } from './plan/words.js'

/** What one part of a line does or asks for. */
export type Step =
  | { readonly type: 'command'; readonly command: Command }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'settle' }
  | { readonly type: 'expect'; readonly expectation: Expectation }

export interface ScenarioLine {
  readonly number: number
  readonly text: string
  /** Those of one line happen at the same moment. */
  readonly steps: readonly Step[]
}

/** A readable transcript: a room, what happens to it, and what must be seen. */
export interface Scenario {
  readonly title: string
  readonly file: string
  readonly room: RoomSpec
  /** Those of the room that are not started at first. */
  readonly asleep: readonly NodeName[]
  readonly lines: readonly ScenarioLine[]
}

/** Reads the scenarios of a file. Each begins with `scenario` and what it shows; then come the lines about the room, as in a
 *  plan; then commands without times, `wait TIME`, `settle`, and what must be seen. `;` between two parts of a line lets both
 *  happen at the same moment.
 *  @throws Error `FILE:LINE: …` that says what was expected and what was found */
export function readScenarios(file: string, text: string): Scenario[] {
  const drafts: Draft[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const number = index + 1
    try {
      const title = /^scenario +(.*\S)\s*$/.exec(line)?.[1]
      if (title !== undefined) drafts.push(new Draft(title, file))
      else if (!new LineWords(line).done) draftOf(drafts).read(number, line)
    } catch (error) {
      throw new Error(`${file}:${number}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return drafts.map(draft => draft.scenario)
}

function draftOf(drafts: readonly Draft[]): Draft {
  const draft = drafts.at(-1)
  if (!draft) throw new Error('a line before the first scenario; begin with: scenario WHAT IT SHOWS')
  return draft
}

class Draft {
  readonly #room = new RoomReader()
  readonly #lines: ScenarioLine[] = []
  #asleep: NodeName[] = []

  constructor(
    readonly title: string,
    readonly file: string,
  ) {}

  get scenario(): Scenario {
    const { title, file } = this
    if (!this.#lines.some(({ steps }) => steps.some(({ type }) => type === 'expect'))) {
      throw new Error(`${file}: the scenario "${title}" expects nothing, so it cannot fail`)
    }
    return { title, file, room: this.#room.room, asleep: this.#asleep, lines: this.#lines }
  }

  read(number: number, line: string): void {
    const words = new LineWords(line)
    const first = words.next('a word')
    if (this.#lines.length === 0 && this.#room.read(first, words)) return
    if (this.#lines.length === 0 && first === 'asleep') {
      while (!words.done) this.#asleep.push(words.node())
      return
    }
    const steps = line.split(/\s;\s/).map(part => readStep(new LineWords(part)))
    this.#lines.push({ number, text: line.trim(), steps })
  }
}

function readStep(words: LineWords): Step {
  if (words.accept('wait')) {
    const ms = words.ms('how long')
    words.end()
    return { type: 'wait', ms }
  }
  if (words.accept('settle')) {
    words.end()
    return { type: 'settle' }
  }
  const expectation = readExpectation(words)
  if (expectation) return { type: 'expect', expectation }
  if (words.done || isVerb(words.peek)) return { type: 'command', command: readCommand(words) }
  throw new Error(`${JSON.stringify(words.peek)} is no command, no wait or settle, and nothing that could be seen`)
}
