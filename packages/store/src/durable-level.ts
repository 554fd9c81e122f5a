import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'

/** What a key of y-leveldb is made of, such as `['v1', 'log/9f3', 'update', 17]`. */
export type LevelKey = (string | number)[]

/** @see recordKey for the bytes of a key */
export type LevelOperation = { type: 'put'; key: Buffer; value: Uint8Array } | { type: 'del'; key: Buffer }

export const CHECKSUM_BYTES = 4

const RAW = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

interface ValueEncoding {
  readonly encode: (value: Uint8Array) => Uint8Array
  readonly decode: (value: Uint8Array) => Uint8Array
}

// The methods that abstract-level asks its backends to implement; its public types leave them out.
interface Backend {
  _put(key: Uint8Array, value: Uint8Array, options: object): Promise<void>
  _del(key: Uint8Array, options: object): Promise<void>
  _batch(operations: object[], options: object): Promise<void>
}
type Base = new (location: string, options: object) => ClassicLevel<LevelKey, Uint8Array> & Backend

/** The database that tallymesh hands to y-leveldb: every write is synced, every value carries its checksum, and after
 *  one failed write no other is tried, because LevelDB would accept it and lose it on reopening. */
export class DurableLevel extends (ClassicLevel as unknown as Base) {
  /** What failed first since this handle was opened. */
  failure: unknown

  constructor(location: string, options: { valueEncoding: ValueEncoding; readonly [name: string]: unknown }) {
    super(location, { ...options, valueEncoding: checksummed(options.valueEncoding) })
  }

  /** Makes all operations durable in one atomic batch. As `batch`, without the copies that abstract-level makes of each for hooks and events
   *  that nobody asks for here: they took as long as handing the batch to LevelDB. */
  async write(operations: readonly LevelOperation[]): Promise<void> {
    // This one says why it is not.
    if (this.status !== 'open') return this.batch(operations.map(sealed), RAW)
    await this._batch(operations.map(sealed), RAW)
  }

  override _put(key: Uint8Array, value: Uint8Array, options: object): Promise<void> {
    return this.#guard(() => super._put(key, value, { ...options, sync: true }))
  }

  override _del(key: Uint8Array, options: object): Promise<void> {
    return this.#guard(() => super._del(key, { ...options, sync: true }))
  }

  override _batch(operations: object[], options: object): Promise<void> {
    return this.#guard(() => super._batch(operations, { ...options, sync: true }))
  }

  async #guard(write: () => Promise<void>): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      await write()
    } catch (error) {
      this.failure ??= error
      throw error
    }
  }
}

/** An operation as it lies in the database. */
function sealed(operation: LevelOperation): { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer } {
  return operation.type === 'put' ? { ...operation, value: seal(operation.value) } : operation
}

/** `value` behind its CRC-32, as it lies in the database. */
export function seal(value: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length)
  sealed.writeUInt32LE(crc32(value), 0)
  sealed.set(value, CHECKSUM_BYTES)
  return sealed
}

/** What `seal` was given, without a copy, or undefined where the checksum fails. */
export function unseal(sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < CHECKSUM_BYTES) return undefined
  const value = sealed.subarray(CHECKSUM_BYTES)
  return crc32(value) === checksumOf(sealed) ? value : undefined
}

/** The checksum that `sealed` begins with. */
export function checksumOf(sealed: Uint8Array): number {
  return new DataView(sealed.buffer, sealed.byteOffset).getUint32(0, true)
}

function checksummed(inner: ValueEncoding): object {
  return {
    name: 'checksummed',
    format: 'buffer',
    encode: (value: Uint8Array) => seal(inner.encode(value)),
    decode: (sealed: Uint8Array) => {
      const value = unseal(sealed)
      if (value === undefined) throw new Error('the stored value fails its checksum')
      return inner.decode(value)
    },
  }
}
