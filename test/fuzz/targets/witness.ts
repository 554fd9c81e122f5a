import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommitMark, replicaId, storeId } from '@tallymesh/crdt'
import { decideIdentity } from '@tallymesh/replica'
import { openWitness } from '@tallymesh/store'
import { sealBatch, view } from '../checksums.js'
import type { Prng } from '../prng.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

const STORE = storeId('abcdef0123456789'.repeat(2))
const BOOT = '11111111-2222-3333-4444-555555555555'
const MARK: CommitMark = { number: 12, replica: replicaId(77), clock: 34, tip: 0x9abcdef0, before: 0x12345678 }
/** A record, without its checksum, and where it stands. */
const RECORD_BYTES = 96

/** The file of a witness, as the next start finds it: it must prove nothing that it does not say under its checksum. */
export const witness: Target = {
  name: 'witness',
  share: 150,
  codes: ['WITNESS_UNAVAILABLE'],
  open: async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-fuzz-'))
    const runtimeDir = join(dir, 'run')
    mkdirSync(runtimeDir, { mode: 0o700 })
    const writer = await openWitness({ store: STORE, runtimeDir, bootId: BOOT })
    writer.write(MARK)
    await writer.close()
    return new WitnessTarget(dir, runtimeDir)
  },
}

class WitnessTarget implements OpenTarget {
  readonly #path: string
  readonly #whole: Uint8Array

  constructor(
    readonly dir: string,
    readonly runtimeDir: string,
  ) {
    this.#path = join(runtimeDir, `${STORE}.witness`)
    // A slice of a Buffer would share its bytes: what is repaired would change every later sample.
    this.#whole = Uint8Array.from(readFileSync(this.#path))
  }

  sample(prng: Prng): Uint8Array {
    return prng.chance(0.7) ? this.#whole.slice(0, RECORD_BYTES) : this.#whole.slice()
  }

  repair(bytes: Uint8Array, prng: Prng): Uint8Array {
    const record = (prng.chance(0.5) ? this.#whole : bytes).slice(0, RECORD_BYTES)
    if (record.length === RECORD_BYTES && prng.chance(0.6))
      view(record).setFloat64(prng.pick([60, 68, 76]), prng.pick([0, -1, 0.5, 1e300, Number.NaN, 35, 13, 11]), true)
    if (record.length === RECORD_BYTES && prng.chance(0.3))
      view(record).setUint32(84, prng.pick([0, 1, MARK.tip, MARK.before]), true)
    return sealBatch(record)
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    writeFileSync(this.#path, bytes)
    const found = await openWitness({ store: STORE, runtimeDir: this.runtimeDir, bootId: BOOT })
    try {
      must(found.available && found.held, `a damaged witness is no reason to go without one: ${found.reason}`)
      const reading = found.read()
      const record = bytes.slice(0, RECORD_BYTES)
      const sealed = bytes.length >= RECORD_BYTES && Buffer.from(sealBatch(record)).equals(record)
      if (reading.state !== 'whole') return 'WITNESS_UNAVAILABLE'
      must(sealed, 'a witness whose checksum fails was taken')
      const evidence = { witness: reading.record, held: true, clean: true, stored: MARK }
      const { number, replica, clock, tip } = reading.record
      const last = number === MARK.number && clock === MARK.clock && tip === MARK.tip
      const current = replica === MARK.replica && (last || (number === MARK.number - 1 && tip === MARK.before))
      const { resume } = decideIdentity(evidence)
      must(
        resume === undefined || current,
        `an id was resumed by a witness of commit ${number}, clock ${clock}, tip ${tip}, id ${replica}`,
      )
      found.write(MARK)
      must(found.available, 'the next commit could not be witnessed')
      return 'accepted'
    } finally {
      await found.close()
    }
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}
