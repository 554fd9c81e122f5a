import { suite } from 'uvu'
import { END_PLAYS } from './suite-ends.js'
import { FRAME_PLAYS } from './suite-frames.js'
import { REFUSAL_PLAYS } from './suite-refusals.js'
import { type Join, stage } from './suite-scene.js'

export { type Heard, SuiteNode, until } from './suite-node.js'
export type { Join, SuitePair } from './suite-scene.js'

export interface LinkSuiteOptions {
  readonly name: string
  readonly join: Join
}

/** Runs the contract of the Link port against a backend, with uvu. */
export function linkSuite({ name, join }: LinkSuiteOptions): void {
  const test = suite(`link: ${name}`)
  for (const [title, play] of Object.entries({ ...FRAME_PLAYS, ...END_PLAYS, ...REFUSAL_PLAYS }))
    test(title, () => stage(join, play))
  test.run()
}
