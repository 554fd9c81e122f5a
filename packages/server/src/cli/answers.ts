import { CommandError, EXIT } from './exit-code.js'

/** What `/readyz` answers. */
export interface ReadyAnswer {
  readonly ready: boolean
  readonly node?: string
  readonly reason?: string
  readonly detail?: string
}

/** What an import answers. */
export interface ImportAnswer {
  readonly slots: number
  readonly changed: number
}

/** @throws CommandError for another form */
export function readyAnswer(answer: unknown): ReadyAnswer {
  const { ready, node, reason, detail } = fields(answer)
  if (typeof ready !== 'boolean') throw unexpected()
  return { ready, ...texts({ node, reason, detail }) }
}

/** @throws CommandError for another form */
export function importAnswer(answer: unknown): ImportAnswer {
  const { slots, changed } = fields(answer)
  if (typeof slots !== 'number' || typeof changed !== 'number') throw unexpected()
  return { slots, changed }
}

function fields(answer: unknown): Readonly<Record<string, unknown>> {
  return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {}
}

function texts(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const found = Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(found)
}

function unexpected(): CommandError {
  return new CommandError(
    EXIT.failed,
    'the server answers in a form that this version does not know; upgrade one of both',
  )
}
