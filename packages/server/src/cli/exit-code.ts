import type { TallymeshClientError } from '@tallymesh/client'
import type { ErrorCode } from '@tallymesh/crdt'
import { isClientError, isTallymeshError } from './failure.js'

/** How every command ends; a part of the public contract, so that scripts may branch on it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  indeterminate: 5,
  directory: 6,
  member: 7,
} as const

/** Each exit code with its meaning, for the help and the reference. */
export const EXIT_MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done'],
  ['1', 'failed: the message says why; also a stop that took too long or was asked for twice'],
  [
    '2',
    'wrong usage: an unknown flag or command, a value out of its range, a wrong file of settings; nothing was started or sent',
  ],
  ['3', 'the server refused (HTTP 4xx): wrong token, a limit, an unknown member; nothing was done'],
  ['4', 'no server was reached, none is ready, or the answer broke off; nothing was counted'],
  [
    '5',
    'the outcome is open: an add that may have been counted, was not confirmed by `--replicas`, or a read that came too early',
  ],
  ['6', 'the data directory is locked, of another room or of a node that left, damaged, or not usable (start, verify)'],
  ['7', 'the node ended and did not leave the room: it is still a member (start with --leave-on-sigterm, leave)'],
  ['130, 143', 'ended by SIGINT or SIGTERM (commands other than start and cluster)'],
]

/** What a command ends with when it cannot do what was asked: a sentence for people and an exit code for scripts. */
export class CommandError extends Error {
  readonly exit: number

  constructor(exit: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit = exit
  }
}

/** Where nothing was tried, because what was typed or configured is wrong. */
export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message)
}

const EXITS: Partial<Record<ErrorCode, number>> = {
  INVALID_NAME: EXIT.usage,
  INVALID_AMOUNT: EXIT.usage,
  INVALID_OPTION: EXIT.usage,
  INVALID_URL: EXIT.usage,
  TLS_UNUSABLE: EXIT.usage,
  TOKENS_UNUSABLE: EXIT.usage,
  STORE_LOCKED: EXIT.directory,
  STORE_CORRUPT: EXIT.directory,
  STORE_UNSUPPORTED: EXIT.directory,
  STORE_UNUSABLE: EXIT.directory,
  STORE_WRONG_ROOM: EXIT.directory,
  MEMBER_REMOVED: EXIT.directory,
}

/** The exit code of whatever a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exit
  if (isTallymeshError(error)) return EXITS[error.code] ?? EXIT.failed
  if (isClientError(error)) return clientExit(error)
  return EXIT.failed
}

function clientExit({ code, counted, status }: TallymeshClientError): number {
  if (counted !== false || code === 'NOT_CAUGHT_UP') return EXIT.indeterminate
  if (code.startsWith('INVALID_') && status === undefined) return EXIT.usage
  return status !== undefined && status >= 400 && status < 500 ? EXIT.refused : EXIT.unreachable
}
