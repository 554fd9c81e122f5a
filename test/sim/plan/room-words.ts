import type { NodeName } from './command.js'
import { type LineWords, printKey, printNumber } from './line-words.js'
import type { RoomSpec } from './plan.js'

const KEY_COLUMNS_MAX = 110
const MS_MAX = 600_000
/** What real nodes take. */
export const COMMIT_ENTRIES_MAX = 2_048
export const ANSWER_BYTES_MAX = 32 * 1024

/** Reads the lines that say what a room is made of: `nodes`, `keys` and `option`. What no line says has a plain value. */
export class RoomReader {
  #nodes: readonly NodeName[] = []
  #heartbeatMs = 500
  #antiEntropyMs = 2_000
  #delayMs: readonly [number, number] = [1, 5]
  #syncMs: readonly [number, number] = [1, 3]
  #distinct = false
  #commitEntriesMax: number | undefined
  #answerBytesMax: number | undefined
  #retryWindowMs: number | undefined
  #operationsMax: number | undefined
  #fold: { readonly foldAfterMs: number; readonly foldGraceMs: number } | undefined
  readonly #keys: string[] = []
  readonly #releases = new Map<NodeName, 1 | 2>()

  /** Reads the rest of a line whose first word was `first`. Answers false where this is no line about the room.
   *  @throws Error that says what was expected and what was found */
  read(first: string, words: LineWords): boolean {
    if (first === 'nodes') this.#nodes = readNodes(words)
    else if (first === 'keys') while (!words.done) this.#keys.push(words.key())
    else if (first === 'option') this.#option(words)
    else return false
    words.end()
    return true
  }

  /** @throws Error where no node was named */
  get room(): RoomSpec {
    if (this.#nodes.length === 0) throw new Error('a line with the nodes is missing, such as: nodes a b c')
    return {
      nodes: this.#nodes,
      heartbeatMs: this.#heartbeatMs,
      antiEntropyMs: this.#antiEntropyMs,
      delayMs: this.#delayMs,
      syncMs: this.#syncMs,
      keys: this.#keys,
      distinct: this.#distinct,
      ...(this.#commitEntriesMax !== undefined && { commitEntriesMax: this.#commitEntriesMax }),
      ...(this.#answerBytesMax !== undefined && { answerBytesMax: this.#answerBytesMax }),
      ...(this.#retryWindowMs !== undefined && { retryWindowMs: this.#retryWindowMs }),
      ...(this.#operationsMax !== undefined && { operationsMax: this.#operationsMax }),
      ...this.#fold,
      ...(this.#releases.size > 0 && { releases: Object.fromEntries(this.#releases) }),
    }
  }

  #option(words: LineWords): void {
    switch (
      words.one([
        'heartbeat',
        'anti-entropy',
        'delay',
        'sync',
        'commit',
        'answer',
        'retry',
        'operations',
        'fold',
        'distinct',
        'release',
      ])
    ) {
      case 'heartbeat':
        this.#heartbeatMs = words.integer('ms between heartbeats', 10, 60_000)
        return
      case 'anti-entropy':
        this.#antiEntropyMs = words.integer('ms between comparisons', 10, MS_MAX)
        return
      case 'delay':
        this.#delayMs = readRange('the delay of a link', words)
        return
      case 'sync':
        this.#syncMs = readRange('the time of a synced write', words)
        return
      case 'commit':
        this.#commitEntriesMax = words.integer('entries of a commit', 100, COMMIT_ENTRIES_MAX)
        return
      case 'answer':
        this.#answerBytesMax = words.integer('bytes of an answer', 1, ANSWER_BYTES_MAX)
        return
      case 'retry':
        this.#retryWindowMs = words.integer('ms in which operations are retried', 100, 86_400_000)
        return
      case 'operations':
        this.#operationsMax = words.integer('operations that are remembered', 1, 10_000_000)
        return
      case 'fold': {
        const foldAfterMs = words.integer('ms before an id is folded', 0, 86_400_000)
        this.#fold = { foldAfterMs, foldGraceMs: words.integer('ms for which folds are remembered', 0, 86_400_000) }
        return
      }
      case 'distinct':
        this.#distinct = true
        return
      case 'release':
        this.#releases.set(words.node(), words.one(['1', '2']) === '1' ? 1 : 2)
    }
  }
}

/** The lines that `RoomReader` reads as this room. */
export function printRoom(room: RoomSpec): string[] {
  const lines = [`nodes ${room.nodes.join(' ')}`]
  lines.push(`option heartbeat ${room.heartbeatMs}`, `option anti-entropy ${room.antiEntropyMs}`)
  lines.push(`option delay ${room.delayMs.map(printNumber).join(' ')}`)
  lines.push(`option sync ${room.syncMs.map(printNumber).join(' ')}`)
  if (room.commitEntriesMax !== undefined) lines.push(`option commit ${room.commitEntriesMax}`)
  if (room.answerBytesMax !== undefined) lines.push(`option answer ${room.answerBytesMax}`)
  if (room.retryWindowMs !== undefined) lines.push(`option retry ${room.retryWindowMs}`)
  if (room.operationsMax !== undefined) lines.push(`option operations ${room.operationsMax}`)
  if (room.foldAfterMs !== undefined) lines.push(`option fold ${room.foldAfterMs} ${room.foldGraceMs ?? 0}`)
  if (room.distinct) lines.push('option distinct')
  for (const [node, release] of Object.entries(room.releases ?? {})) lines.push(`option release ${node} ${release}`)
  let line = ''
  for (const key of room.keys) {
    const word = printKey(key)
    if (line !== '' && line.length + word.length > KEY_COLUMNS_MAX) {
      lines.push(line)
      line = ''
    }
    line = `${line === '' ? 'keys' : line} ${word}`
  }
  if (line !== '') lines.push(line)
  return lines
}

function readNodes(words: LineWords): NodeName[] {
  const nodes: NodeName[] = []
  do nodes.push(words.node())
  while (!words.done)
  if (new Set(nodes).size < nodes.length) throw new Error('a node stands twice')
  return nodes
}

function readRange(what: string, words: LineWords): readonly [number, number] {
  const [min, max] = [words.ms(`${what}, the shortest`), words.ms(`${what}, the longest`)]
  if (max < min) throw new Error(`${what}: the longest, ${max}, is below the shortest, ${min}`)
  return [min, max]
}
