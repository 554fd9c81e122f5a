import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { verifyDirectory } from 'tallymesh'
import { Scratch } from '../../cluster/scratch.js'
import type { Prng } from '../prng.js'
import { codeOf, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `tallymesh.json` in a data directory: what it says is held against the database. */
export const marker: Target = {
  name: 'marker',
  share: 60,
  codes: ['STORE_UNSUPPORTED', 'STORE_WRONG_ROOM', 'STORE_CORRUPT'],
  open: async () => {
    const scratch = new Scratch()
    try {
      const node = await scratch.open('a', { runtimeDir: false })
      await node.counter('orders').increment(5)
      await node.close()
      return new MarkerTarget(scratch)
    } catch (error) {
      await scratch.remove()
      throw error
    }
  },
}

class MarkerTarget implements OpenTarget {
  readonly #dataDir: string
  readonly #path: string
  readonly #whole: string

  constructor(readonly scratch: Scratch) {
    this.#dataDir = scratch.options('a').dataDir
    this.#path = join(this.#dataDir, 'tallymesh.json')
    this.#whole = readFileSync(this.#path, 'utf8')
  }

  sample(): Uint8Array {
    return Buffer.from(this.#whole)
  }

  /** A marker of another store, room or format under a checksum that holds. */
  repair(_bytes: Uint8Array, prng: Prng): Uint8Array {
    const { format, store, room, ...rest } = JSON.parse(this.#whole) as { format: number; store: string; room: string }
    const fields = [format, store, room] as [unknown, unknown, unknown]
    fields[prng.int(3)] = prng.pick<unknown>([
      0,
      99,
      'f'.repeat(32),
      '',
      'warehouse',
      '../x',
      null,
      [],
      Number.POSITIVE_INFINITY,
      '\ud800',
    ])
    const check = crc32(JSON.stringify(fields)).toString(16).padStart(8, '0')
    return Buffer.from(JSON.stringify({ ...rest, format: fields[0], store: fields[1], room: fields[2], check }))
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    writeFileSync(this.#path, bytes)
    try {
      const { keys, slots, damage } = await verifyDirectory({ dataDir: this.#dataDir, room: 'shop' })
      must(keys === 1 && slots === 1, `the directory holds ${keys} keys and ${slots} slots`)
      must(Buffer.from(bytes).equals(readFileSync(this.#path)), 'a check changed the directory')
      return damage.length > 0 ? 'STORE_CORRUPT' : 'accepted'
    } catch (error) {
      return codeOf(error)
    }
  }

  close(): Promise<void> {
    return this.scratch.remove()
  }
}
