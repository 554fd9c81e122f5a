import type { DurableLevel } from './durable-level.js'
import { readBatch } from './level-content.js'
import { checkJournal, type JournalReport } from './level-files.js'

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

// Keys and values as they lie on disk: they carry their checksums already.
const RAW = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** The last thing that a journal says of a key. */
interface Word {
  readonly operation: Operation
  /** Of the log that says it. */
  readonly index: number
}

/** What the live write-ahead logs of a LevelDB database say, read before LevelDB opens it. LevelDB skips a log that it
 *  cannot open or read just then, or the rest of it, opens without a word, and removes the log. */
export class Journal {
  readonly #names: readonly string[]
  readonly #logs: readonly (readonly Uint8Array[])[]

  private constructor({ logs, batches }: JournalReport) {
    this.#names = logs
    this.#logs = batches
  }

  /** Reads the journal of the database in `path`, which must be closed, and the directory's lock held.
   *  @throws Error of the file system; where the journal is damaged with the code LEVEL_CORRUPTION, as LevelDB's own */
  static async read(path: string): Promise<Journal> {
    return Journal.of(await checkJournal(path))
  }

  /** @throws Error with the code LEVEL_CORRUPTION where a file is damaged: its batches may follow on lost ones */
  static of(report: JournalReport): Journal {
    if (report.damage.length > 0) throw corruption(report.damage.join('; '))
    return new Journal(report)
  }

  /** Writes all of it into the database again if LevelDB skipped a part, in one synced batch. Nobody may have written to
   *  the database since it was opened. A crash between LevelDB's opening and the end of this loses what was skipped, as
   *  its log is removed by then: that takes two faults in one start.
   *  @throws Error where it cannot be written, or is not there all the same */
  async restore(level: DurableLevel): Promise<void> {
    const ends = this.#ends()
    if (await areIn(level, ends)) return
    const what = `LevelDB skipped a part of ${this.#names.join(', ')}`
    const operations = wordsOf(this.#logs).map(({ operation }) => operation)
    try {
      await level.batch<Buffer, Buffer>(operations, { ...RAW, sync: true })
    } catch (cause) {
      throw new Error(`${what}, and writing it again failed: ${(cause as Error).message}`, { cause })
    }
    if (!(await areIn(level, ends))) throw new Error(`${what}, and does not have it after it was written again`)
  }

  /** What tells whether LevelDB took in everything. What it skips of a log is the end, or all of it, and of several logs
   *  perhaps one that is not the last: so the last put of each log that still holds, and what is deleted after it. */
  #ends(): Operation[] {
    const filled = this.#logs.filter(batches => batches.length > 0)
    if (filled.length === 1) {
      // Nothing later contradicts the end of the only log: the rest of it need not be taken apart.
      const end = wordsOf(filled.map(batches => batches.slice(-1))).at(-1)
      if (end?.operation.type === 'put') return [end.operation]
    }
    const words = wordsOf(filled)
    const lastPut = new Map<number, number>()
    for (const [at, { operation, index }] of words.entries()) if (operation.type === 'put') lastPut.set(index, at)
    return words.filter(({ index }, at) => at >= (lastPut.get(index) ?? 0)).map(({ operation }) => operation)
  }
}

/** The last word on each key, in the order in which they were written: a batch of them ends as the last batch does.
 *  @throws Error with the code LEVEL_CORRUPTION */
function wordsOf(logs: readonly (readonly Uint8Array[])[]): Word[] {
  const words = new Map<string, Word>()
  try {
    for (const [index, batches] of logs.entries()) {
      for (const batch of batches) {
        readBatch(batch, (key, _sequence, value) => {
          const text = bufferOf(key).toString('latin1')
          words.delete(text)
          words.set(text, { operation: operationOf(key, value), index })
        })
      }
    }
  } catch (cause) {
    throw corruption(`a batch of a write-ahead log breaks the format (${(cause as Error).message})`, cause)
  }
  return [...words.values()]
}

async function areIn(level: DurableLevel, operations: readonly Operation[]): Promise<boolean> {
  if (operations.length === 0) return true
  const keys = operations.map(({ key }) => key)
  const values = await level.getMany<Buffer, Buffer>(keys, RAW)
  return operations.every((operation, index) => {
    const value = values[index]
    return operation.type === 'put' ? value !== undefined && operation.value.equals(value) : value === undefined
  })
}

function operationOf(key: Uint8Array, value: Uint8Array | undefined): Operation {
  return value ? { type: 'put', key: bufferOf(key), value: bufferOf(value) } : { type: 'del', key: bufferOf(key) }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function corruption(text: string, cause?: unknown): Error {
  return Object.assign(new Error(text, { cause }), { code: 'LEVEL_CORRUPTION' })
}
