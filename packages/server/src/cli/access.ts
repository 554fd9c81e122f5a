import type { TallymeshClient } from '@tallymesh/client'
import { usageError } from './exit-code.js'
import type { Values } from './flag.js'
import type { SERVER_FLAGS } from './server-flags.js'
import { readText } from './settings-file.js'

const TOKEN_BYTES_MAX = 4_096
const TOKEN_FILE_BYTES_MAX = 1024 * 1024

/** How a command reaches the room. */
export interface Access {
  readonly urls: readonly string[]
  readonly token: string | undefined
  readonly timeoutMs: number
}

/** @throws CommandError (usage) */
export function readAccess(
  values: Values<typeof SERVER_FLAGS>,
  env: Readonly<Record<string, string | undefined>>,
): Access {
  if (values.url.length === 0) throw usageError('--url must name at least one server')
  return { urls: [...new Set(values.url)], token: readToken(values.tokenFile, env), timeoutMs: values.timeoutMs }
}

function readToken(path: string | undefined, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const [where, text] =
    path === undefined ? ['TALLYMESH_TOKEN', env.TALLYMESH_TOKEN ?? ''] : [path, readText(path, TOKEN_FILE_BYTES_MAX)]
  // A server's own file of tokens serves, too: comments are passed over, and scopes follow the token.
  const token = text
    .split('\n')
    .map(line => line.trim())
    .find(line => line !== '' && !line.startsWith('#'))
    ?.split(/\s/, 1)[0]
  if (token === undefined) {
    if (path !== undefined) throw usageError(`${path} holds no token`)
    return undefined
  }
  // What a header cannot carry would otherwise appear in an error of the HTTP library.
  if (!/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_BYTES_MAX) {
    throw usageError(`${where} must hold a token of 1 to ${TOKEN_BYTES_MAX} printable ASCII characters`)
  }
  return token
}

/** A client that tries until `timeoutMs` is over. */
export async function openClient({ urls, token, timeoutMs }: Access): Promise<TallymeshClient> {
  const { TallymeshClient } = await import('@tallymesh/client')
  // One attempt may take all the time there is, and a command is to count while members of the room are away, too.
  return new TallymeshClient({ urls, token, timeoutMs, deadlineMs: timeoutMs, operations: false })
}
