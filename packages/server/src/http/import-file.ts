import { createHash } from 'node:crypto'
import { closeSync, createReadStream, createWriteStream, openSync, readSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { canonicalKey, TallymeshError } from '@tallymesh/crdt'
import type { ExportedSlot } from 'tallymesh'
import { EXPORT_FORMAT, EXPORT_VERSION } from './export-lines.js'

/** A line holds a key, which has at most 20,000 characters, and three numbers. */
const LINE_BYTES_MAX = 256 * 1024
const READ_BYTES = 64 * 1024
const NEWLINE = 10
const REPLICA = /^[1-9a-f][0-9a-f]{0,13}$/

/** An export that was received whole and checked; its slots can be read as often as needed. */
export interface ReceivedExport {
  readonly slots: number
  read(): Iterable<ExportedSlot>
  /** Removes the file. */
  dispose(): Promise<void>
}

/** Receives an export into a file of the temporary directory and checks all of it.
 *  @param room the room that it must belong to
 *  @throws TallymeshError BODY_TOO_LARGE, EXPORT_DAMAGED, EXPORT_WRONG_ROOM; the file is gone then */
export async function receiveExport(body: Readable, room: string, bytesMax: number): Promise<ReceivedExport> {
  const directory = await mkdtemp(join(tmpdir(), 'tallymesh-import-'))
  const dispose = () => rm(directory, { recursive: true, force: true })
  try {
    const path = join(directory, 'export.ndjson')
    await pipeline(limited(body, bytesMax), createWriteStream(path, { mode: 0o600 }))
    const slots = await check(path, room)
    return { slots, read: () => slotsOf(path), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** The body up to its limit. It is left open when the reading ends early: a request that is destroyed takes its answer along. */
async function* limited(body: Readable, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax)
      throw new TallymeshError('BODY_TOO_LARGE', `an import may have ${bytesMax} bytes; nothing was imported`)
    yield chunk
  }
}

/** Checks head, every slot, number and sum. Answers how many slots there are. */
async function check(path: string, room: string): Promise<number> {
  const hash = createHash('sha256')
  let line = 0
  let slots = 0
  let ended = false
  for await (const bytes of linesOf(createReadStream(path, { highWaterMark: READ_BYTES }))) {
    line++
    if (ended && bytes.length === 0) continue
    if (ended) throw damaged(line, 'follows the last line')
    const value = parse(bytes, line)
    if (line === 1) checkHead(value, room)
    else if ('end' in value) {
      checkEnd(value, slots, hash.digest('hex'))
      ended = true
    } else {
      slotOf(value, line)
      slots++
      hash.update(bytes).update('\n')
    }
  }
  if (!ended) throw new TallymeshError('EXPORT_DAMAGED', 'the export ends without its last line; nothing was imported')
  return slots
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    rest = yield* wholeLines(bytes)
    if (rest.length > LINE_BYTES_MAX)
      throw new TallymeshError('EXPORT_DAMAGED', `a line is over ${LINE_BYTES_MAX} bytes`)
  }
  if (rest.length > 0) yield rest
}

function* wholeLines(bytes: Buffer): Generator<Buffer, Buffer> {
  let from = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
    yield bytes.subarray(from, at)
    from = at + 1
  }
  return bytes.subarray(from)
}

function parse(bytes: Buffer, line: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // What stands there is told by its line alone.
  }
  throw damaged(line, 'is not a JSON object')
}

function checkHead({ format, version, room: origin }: Record<string, unknown>, room: string): void {
  if (format !== EXPORT_FORMAT) throw damaged(1, `does not say that this is a ${EXPORT_FORMAT}`)
  if (version !== EXPORT_VERSION)
    throw damaged(1, `names version ${String(version)}; this server reads ${EXPORT_VERSION}`)
  if (origin === room) return
  const text = `the export is of the room ${JSON.stringify(origin)}, this node is of ${JSON.stringify(room)}`
  throw new TallymeshError('EXPORT_WRONG_ROOM', `${text}; nothing was imported`)
}

function checkEnd({ slots, sha256 }: Record<string, unknown>, found: number, sum: string): void {
  if (slots !== found) {
    throw new TallymeshError(
      'EXPORT_DAMAGED',
      `the export names ${String(slots)} slots and has ${found}; nothing was imported`,
    )
  }
  if (sha256 === sum) return
  throw new TallymeshError('EXPORT_DAMAGED', 'the slots do not match the SHA-256 of the export; nothing was imported')
}

function slotOf({ key, replica, increments, decrements }: Record<string, unknown>, line: number): ExportedSlot {
  if (typeof key !== 'string') throw damaged(line, 'has no key')
  if (typeof replica !== 'string' || !REPLICA.test(replica)) throw damaged(line, 'has no replica id')
  if (!isTotal(increments) || !isTotal(decrements)) throw damaged(line, 'has a total that is not from 0 to 2^53 - 1')
  try {
    return { key: canonicalKey(key), replica, increments, decrements }
  } catch (cause) {
    throw damaged(line, `has a key that breaks the rules: ${(cause as Error).message}`)
  }
}

function isTotal(total: unknown): total is number {
  return Number.isSafeInteger(total) && (total as number) >= 0
}

/** The slots of a checked file, read as they are asked for: the node takes them in parts of its own. */
function* slotsOf(path: string): IterableIterator<ExportedSlot> {
  const file = openSync(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    let line = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(READ_BYTES)
      const read = readSync(file, chunk, 0, READ_BYTES, null)
      if (read === 0) return
      const lines = wholeLines(Buffer.concat([rest, chunk.subarray(0, read)]))
      let next = lines.next()
      for (; !next.done; next = lines.next()) {
        const value = parse(next.value, ++line)
        if ('end' in value) return
        if (line > 1) yield slotOf(value, line)
      }
      rest = next.value
    }
  } finally {
    closeSync(file)
  }
}

function damaged(line: number, what: string): TallymeshError {
  return new TallymeshError('EXPORT_DAMAGED', `line ${line} of the export ${what}; nothing was imported`)
}
