import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { TallymeshError } from '@tallymesh/crdt'
import { parseTokenLines, SCOPES, type Scope, type TokenLine } from './token-lines.js'

const TOKENS_MAX = 1_000
const READABLE_BY_OTHERS = 0o004

/** Where tokens come from; all of them are valid at once. */
export interface TokenSources {
  /** A file with a token a line: `<token> <scope>[,<scope>…] [name]`. */
  readonly file?: string | undefined
  /** The same lines in one text, with `;` between them, as `TALLYMESH_TOKENS` holds them. */
  readonly list?: string | undefined
  /** One token with every scope, as `TALLYMESH_TOKEN` holds it. It is shown to whom this node dials. */
  readonly token?: string | undefined
}

/** What a known token may do. */
export interface KnownToken {
  /** Tells one token from another without being one. */
  readonly id: string
  /** For people; the token itself is not kept. */
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
}

interface Kept extends KnownToken {
  readonly digest: Buffer
}

/** The bearer tokens that this server accepts. Only digests are kept, but for the one that this node shows to its peers. */
export class Tokens {
  readonly #sources: TokenSources
  #known: readonly Kept[] = []
  #own: string | undefined
  #warnings: string[] = []

  private constructor(sources: TokenSources) {
    this.#sources = sources
  }

  /** Reads all sources. @throws TallymeshError TOKENS_UNUSABLE, which never holds a token */
  static async open(sources: TokenSources): Promise<Tokens> {
    const tokens = new Tokens(sources)
    await tokens.reload()
    return tokens
  }

  /** The tokens of a text in the form of the file. @throws TallymeshError TOKENS_UNUSABLE */
  static parse(text: string, where = 'the tokens'): Tokens {
    const tokens = new Tokens({})
    tokens.#take(parseTokenLines(text, '\n', where))
    return tokens
  }

  /** Reads the file again. Where it cannot be used, the tokens stay as they are. @throws TallymeshError TOKENS_UNUSABLE */
  async reload(): Promise<void> {
    const { file, list, token } = this.#sources
    const warnings: string[] = []
    const lines: TokenLine[] = []
    if (token !== undefined) lines.push(...parseTokenLines(`${token} ${SCOPES.join(',')}`, '\n', 'TALLYMESH_TOKEN'))
    if (list !== undefined) lines.push(...parseTokenLines(list, ';', 'TALLYMESH_TOKENS'))
    if (file !== undefined) lines.push(...parseTokenLines(await readTokens(file, warnings), '\n', file))
    // Whoever empties the file wants nobody let in, and certainly not everybody.
    if (lines.length === 0 && (file ?? list ?? token) !== undefined) {
      const text = `${file ?? 'TALLYMESH_TOKENS'} holds no token; add one, or run without tokens on loopback`
      throw new TallymeshError('TOKENS_UNUSABLE', text)
    }
    this.#take(lines)
    this.#warnings = warnings
  }

  /** How many tokens are valid; with none, nobody is asked for one. */
  get size(): number {
    return this.#known.length
  }

  /** What an operator should repair, in sentences. */
  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** What this node shows to whom it dials: the one token that may do everything, else the first with the scope `peer`. */
  get own(): string | undefined {
    return this.#own
  }

  /** What is known of a token. It takes the same time whatever the token, so that nobody learns one by measuring. */
  find(token: string | undefined): KnownToken | undefined {
    const asked = digest(token ?? '')
    let found: KnownToken | undefined
    for (const known of this.#known) if (timingSafeEqual(asked, known.digest)) found = known
    return found
  }

  /** Whether a token may do what the scope names. Every token may where none is configured. */
  admits(token: string | undefined, scope: Scope): boolean {
    return this.#known.length === 0 || this.find(token)?.scopes.has(scope) === true
  }

  #take(lines: readonly TokenLine[]): void {
    const known = new Map<string, Kept>()
    for (const { token, scopes, name } of lines) {
      const same = known.get(token)
      known.set(token, {
        name: same?.name ?? name ?? `token ${known.size + 1}`,
        scopes: new Set([...(same?.scopes ?? []), ...scopes]),
        id: digest(token).toString('hex', 0, 8),
        digest: digest(token),
      })
    }
    if (known.size > TOKENS_MAX) {
      const text = `there are ${known.size} tokens, at most ${TOKENS_MAX} can be valid at once; remove some`
      throw new TallymeshError('TOKENS_UNUSABLE', text)
    }
    this.#known = [...known.values()]
    this.#own = lines.find(({ scopes }) => scopes.includes('peer'))?.token
  }
}

async function readTokens(file: string, warnings: string[]): Promise<string> {
  try {
    const { mode } = await stat(file)
    if (process.platform !== 'win32' && (mode & READABLE_BY_OTHERS) !== 0) {
      warnings.push(`everybody on this machine can read the tokens in ${file}; run: chmod 600 ${file}`)
    }
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new TallymeshError('TOKENS_UNUSABLE', `the tokens file ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
