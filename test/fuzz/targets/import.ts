import { createHash } from 'node:crypto'
import { canonicalKey, ERROR_CODES, type ErrorCode, replicaId } from '@tallymesh/crdt'
import { mutate } from '../mutate.js'
import type { Prng } from '../prng.js'
import { exchange } from '../raw-exchange.js'
import { anyKey, samplesOf } from '../sample-entries.js'
import { ServerScene } from '../server-scene.js'
import { unraised } from '../slots.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'
import { request } from './http.js'

/** `POST /v1/import`: an export that comes back, changed or not. */
export const importFile: Target = {
  name: 'import',
  share: 300,
  codes: ['EXPORT_DAMAGED', 'EXPORT_WRONG_ROOM', 'BODY_TOO_LARGE', 'INVALID_NAME', 'INVALID_AMOUNT', 'INVALID_OPTION'],
  open: async seed => new ImportTarget(seed, await ServerScene.open()),
}

const TYPE = { 'Content-Type': 'application/x-ndjson' }
const HEAD = '{"format":"tallymesh-export","version":1,"room":"shop","node":"b","at":"2026-01-01T00:00:00.000Z"}'
const IDS = ['1', 'abc', '1fffffffffffff']

interface Line {
  readonly key: string
  readonly replica: string
  readonly increments: number
  readonly decrements: number
}

class ImportTarget implements OpenTarget {
  readonly #keys: readonly string[]

  constructor(
    seed: number,
    readonly scene: ServerScene,
  ) {
    this.#keys = samplesOf(anyKey, 20, seed)
  }

  sample(prng: Prng): Uint8Array {
    const lines = Array.from({ length: prng.int(5) }, () => {
      const [key, replica] = [prng.pick(this.#keys), prng.pick(IDS)]
      return JSON.stringify({ key, replica, increments: prng.int(100), decrements: prng.pick([0, 1, 2 ** 53 - 1]) })
    })
    return exported([HEAD, ...lines])
  }

  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    return mutate(bytes, prng, () => this.sample(prng))
  }

  /** Sums up the lines that are there. */
  repair(bytes: Uint8Array): Uint8Array {
    const lines = Buffer.from(bytes).toString('latin1').split('\n')
    return exported(lines.filter(line => line !== '' && !line.includes('"end"')))
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const { node } = this.scene.server
    const before = await this.#slots()
    const sent = request('POST', '/v1/import', Buffer.from(bytes).toString('latin1'), {
      ...TYPE,
      'Content-Length': `${bytes.length}`,
    })
    const { statuses, text, body } = await exchange(this.scene.port, sent, false)
    must(statuses.length === 1 && statuses[0] !== 500, `the server failed: ${text.slice(0, 300)}`)
    must(node.status === 'ready' && node.refusal === undefined, `the node is ${node.status}`)
    const wrong = unraised(before, await this.#slots(), statuses[0] === 200 ? claimsOf(bytes) : new Map())
    must(wrong === undefined, `${wrong}`)
    if (statuses[0] === 200) {
      must(isSummed(bytes), 'an export whose sum does not fit was taken')
      return 'accepted'
    }
    const { code } = JSON.parse(Buffer.from(body, 'latin1').toString()) as { code: ErrorCode }
    must(Object.hasOwn(ERROR_CODES, code), `an answer has the code ${code}`)
    return code
  }

  close(): Promise<void> {
    return this.scene.close()
  }

  async #slots(): Promise<Map<string, { p: number; n: number }>> {
    const slots = await this.scene.server.node.exportSlots()
    return new Map(
      [...slots].map(({ key, replica, increments, decrements }) => [
        `${replica} ${key}`,
        { p: increments, n: decrements },
      ]),
    )
  }
}

/** An export of these lines whose end fits them. */
function exported(lines: readonly string[]): Uint8Array {
  const slots = lines.slice(1)
  const sum = createHash('sha256')
  for (const line of slots) sum.update(Buffer.from(`${line}\n`, 'latin1'))
  const end = JSON.stringify({ end: true, slots: slots.length, sha256: sum.digest('hex') })
  return Buffer.from(`${[...lines, end].join('\n')}\n`, 'latin1')
}

/** Whether the end of an export fits the lines before it. */
function isSummed(bytes: Uint8Array): boolean {
  const lines = Buffer.from(bytes).toString('latin1').split('\n')
  const end = lines.findLast(line => line.includes('"end"')) ?? ''
  const expected = Buffer.from(exported(lines.filter(line => line !== '' && line !== end))).toString('latin1')
  const [one, other] = [end, expected.split('\n').at(-2) ?? ''].map(
    line => JSON.parse(line) as { slots: number; sha256: string },
  )
  return one?.slots === other?.slots && one?.sha256 === other?.sha256
}

/** What the lines of a taken export say; keys may stand there in another form than the canonical one. */
function claimsOf(bytes: Uint8Array): Map<string, { p: number; n: number }> {
  const claims = new Map<string, { p: number; n: number }>()
  for (const text of Buffer.from(bytes).toString('utf8').split('\n').slice(1)) {
    const line = text === '' ? {} : (JSON.parse(text) as Partial<Line>)
    if (line.replica === undefined || line.key === undefined) continue
    const id = replicaId(Number.parseInt(line.replica, 16)).toString(16)
    const slot = `${id} ${canonicalKey(line.key)}`
    const known = claims.get(slot) ?? { p: 0, n: 0 }
    claims.set(slot, { p: Math.max(known.p, line.increments ?? 0), n: Math.max(known.n, line.decrements ?? 0) })
  }
  return claims
}
