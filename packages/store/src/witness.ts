import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join, resolve } from 'node:path'
import { type CommitMark, type StoreId, TallymeshError } from '@tallymesh/crdt'
import { DirectoryLock } from './directory-lock.js'
import { findRuntimeDirectory } from './runtime-directory.js'
import { decodeWitness, encodeWitness, WITNESS_BYTES, type WitnessReading } from './witness-record.js'

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id'
const BOOT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const { O_RDWR, O_CREAT, O_NOFOLLOW, O_RDONLY } = fs.constants

export interface WitnessOptions {
  readonly store: StoreId
  /** Where witnesses lie; made if it is missing. Default: found among the usual places. False: no witness is kept. */
  readonly runtimeDir?: string | false
  /** Names this boot of the machine. Default: what the kernel says. */
  readonly bootId?: string
  /** The data directory of the store: which store it held last is remembered, so that a wiped one is found. */
  readonly dataDir?: string
  /** Whether the store was made just now. */
  readonly created?: boolean
}

/** The mark of the last commit, kept outside of the data volume, in memory that a reboot clears: it tells whether the
 *  store at the next start is the one that acknowledged last, or an older copy. */
export class Witness {
  /** Whether this process is the only one on this machine with a store of this id: false for the second of two clones,
   *  and where no witness can be kept. */
  readonly held: boolean
  /** Why no witness is kept, a sentence, or undefined while one is. */
  reason: string | undefined
  /** The store that was in the place of this new one before: the data directory was wiped. */
  readonly wiped: StoreId | undefined
  readonly #file: WitnessFile | undefined
  readonly #lock: DirectoryLock | undefined
  readonly #reading: WitnessReading
  #stuck: unknown

  /** Use `openWitness`. */
  constructor(state: { file?: WitnessFile; lock?: DirectoryLock; reason?: string; wiped?: StoreId | undefined }) {
    this.#file = state.file
    this.#lock = state.lock
    this.held = state.lock !== undefined
    this.reason = state.reason
    this.wiped = state.wiped
    this.#reading = state.file?.reading ?? { state: 'none' }
  }

  /** Whether commits are still being witnessed. */
  get available(): boolean {
    return this.#file !== undefined && this.reason === undefined
  }

  /** What the witness said when it was opened. */
  read(): WitnessReading {
    return this.#reading
  }

  /** Records a durable commit; to be called before it is acknowledged or sent. Synchronous, a few microseconds; survives
   *  the process, not the machine. A witness that cannot be written is removed, and the node goes on without.
   *  @throws TallymeshError WITNESS_STUCK where it can be neither written nor removed; nothing may be acknowledged then */
  write(mark: CommitMark): void {
    if (this.#stuck === undefined && !this.available) return
    try {
      if (this.#stuck !== undefined) throw this.#stuck
      this.#file?.write(mark)
    } catch (error) {
      this.#remove(error)
    }
  }

  /** Releases the witness; it stays for the next start. */
  async close(): Promise<void> {
    this.#file?.close()
    this.reason ??= 'the witness is closed'
    await this.#lock?.release()
  }

  #remove(cause: unknown): void {
    const file = this.#file as WitnessFile
    try {
      fs.rmSync(file.path, { force: true })
      file.close()
      this.#stuck = undefined
      this.reason = `the witness ${file.path} could not be written and was removed (${(cause as Error).message})`
    } catch (error) {
      this.#stuck = cause
      throw new TallymeshError(
        'WITNESS_STUCK',
        `the witness ${file.path} can be neither written (${(cause as Error).message}) nor removed ` +
          `(${(error as Error).message}); remove it by hand, then start again`,
        { cause },
      )
    }
  }
}

/** What a node needs of a witness. */
export type WitnessPort = Pick<Witness, 'held' | 'reason' | 'wiped' | 'available' | 'read' | 'write' | 'close'>

/** The preallocated file, written in place. */
class WitnessFile {
  readonly path: string
  readonly reading: WitnessReading
  readonly #store: StoreId
  readonly #bootId: string
  readonly #fd: number
  #open = true

  /** @throws Error where the file cannot be opened and written, or is not an ordinary one */
  constructor(path: string, store: StoreId, bootId: string) {
    this.path = path
    this.#store = store
    this.#bootId = bootId
    this.#fd = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
    try {
      const found = fs.fstatSync(this.#fd)
      if (!found.isFile()) throw new Error(`${path} is not a file`)
      const bytes = Buffer.alloc(WITNESS_BYTES)
      const length = fs.readSync(this.#fd, bytes, 0, WITNESS_BYTES, 0)
      this.reading = decodeWitness(bytes.subarray(0, length), store, bootId)
      // Later writes need no space: a full file system cannot stop them.
      if (length < WITNESS_BYTES) fs.writeSync(this.#fd, bytes, 0, WITNESS_BYTES, 0)
    } catch (error) {
      fs.closeSync(this.#fd)
      throw error
    }
  }

  write(mark: CommitMark): void {
    const bytes = encodeWitness({ ...mark, store: this.#store, bootId: this.#bootId })
    const written = fs.writeSync(this.#fd, bytes, 0, bytes.length, 0)
    if (written !== bytes.length) throw new Error(`${written} of ${bytes.length} bytes were written`)
  }

  close(): void {
    if (this.#open) fs.closeSync(this.#fd)
    this.#open = false
  }
}

/** Opens the witness of a store. Never fails for want of one: then `available` is false and `reason` says why. */
export async function openWitness(options: WitnessOptions): Promise<Witness> {
  const { store, runtimeDir } = options
  if (runtimeDir === false) return new Witness({ reason: 'no witness is wanted' })
  const bootId = options.bootId ?? readBootId()
  if (bootId === undefined) return new Witness({ reason: `the boot id cannot be read from ${BOOT_ID_FILE}` })
  const found = findRuntimeDirectory(runtimeDir)
  if ('reason' in found) return new Witness({ reason: found.reason })
  let lock: DirectoryLock | undefined
  try {
    lock = await DirectoryLock.take(join(found.path, `${store}.lock`))
    if (!lock) return new Witness({ reason: `another process on this machine has a store of the id ${store} open` })
    const wiped = remember(found.path, options)
    const file = new WitnessFile(join(found.path, `${store}.witness`), store, bootId)
    return new Witness({ file, lock, wiped })
  } catch (error) {
    await lock?.release()
    return new Witness({ reason: `no witness can be kept in ${found.path}: ${(error as Error).message}` })
  }
}

function readBootId(): string | undefined {
  try {
    const text = fs.readFileSync(BOOT_ID_FILE, 'utf8').trim()
    return BOOT_ID.test(text) ? text : undefined
  } catch {
    return undefined
  }
}

/** Notes which store lies in the data directory.
 *  @returns the one that lay there before, if it is another and this one was made just now */
function remember(runtimeDir: string, { store, dataDir, created }: WitnessOptions): StoreId | undefined {
  if (dataDir === undefined) return undefined
  const name = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 32)
  const path = join(runtimeDir, `dir-${name}`)
  const before = readHint(path)
  if (before !== store) {
    fs.writeFileSync(`${path}.new`, `${store}\n`, { mode: 0o600 })
    fs.renameSync(`${path}.new`, path)
  }
  return created && before !== undefined && before !== store ? before : undefined
}

function readHint(path: string): StoreId | undefined {
  try {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW)
    try {
      const text = fs.readFileSync(fd, 'utf8').trim()
      return /^[0-9a-f]{32}$/.test(text) ? (text as StoreId) : undefined
    } finally {
      fs.closeSync(fd)
    }
  } catch {
    return undefined
  }
}
