import { defaulted, list, optional, toggle } from './flag.js'
import { file, integer, serverUrl } from './flag-kind.js'

const GROUP = 'Server'

/** The settings of every command that asks a server. */
export const SERVER_FLAGS = {
  url: list(serverUrl, {
    meaning: 'where a server answers; several are tried in order',
    group: GROUP,
    env: 'TALLYMESH_URL',
    default: 'http://127.0.0.1:7001',
  }),
  tokenFile: optional(file(), {
    meaning: 'file whose first word is the token to send; else the environment variable TALLYMESH_TOKEN, else none',
    group: GROUP,
    env: 'TALLYMESH_TOKEN_FILE',
  }),
  timeoutMs: defaulted(integer('MS', 1, 600_000), '5000', {
    meaning: 'how long to try until a server answers',
    group: GROUP,
    env: 'TALLYMESH_TIMEOUT_MS',
  }),
} as const

/** For commands that print results. */
export const JSON_FLAG = { json: toggle({ meaning: 'print JSON, for programs' }) } as const
