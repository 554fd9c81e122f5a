import { decodeLogUpdate, replicaId } from '@tallymesh/crdt'
import * as Y from 'yjs'
import { LogSamples } from '../log-samples.js'
import type { Prng } from '../prng.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

const LOG = replicaId(2 ** 52 + 7)

/** `decodeLogUpdate`, held against Yjs's own reader: what is taken here must mean the same there. */
export const logUpdate: Target = {
  name: 'log-update',
  share: 2_500,
  codes: ['UPDATE_REFUSED'],
  open: seed => new LogUpdateTarget(seed),
}

class LogUpdateTarget implements OpenTarget {
  readonly #samples: LogSamples

  constructor(seed: number) {
    this.#samples = new LogSamples(LOG, seed)
  }

  sample(prng: Prng): Uint8Array {
    return this.#samples.update(prng)
  }

  feed(bytes: Uint8Array): Outcome {
    const result = decoded(() => decodeLogUpdate(LOG, bytes))
    if ('code' in result) return result.code
    const { clock, deletedTo, elements, deletes } = result.made
    const numbers = [clock, deletedTo, deletes?.from ?? 0, deletes?.to ?? 0]
    must(
      numbers.every(number => Number.isSafeInteger(number) && number >= 0),
      `an update has the clocks ${numbers}`,
    )
    must(deletedTo >= clock, 'an update ends before it starts')
    const held = elements.reduce((length, element) => length + element.length, 0)
    must(held <= bytes.length, 'an update holds more than its bytes')
    agree(bytes, clock, deletedTo + elements.length, deletes)
    return 'accepted'
  }
}

type Deletes = ReturnType<typeof decodeLogUpdate>['deletes']

/** Yjs reads the same: one client, one run of structs without a gap, one range of deletions. */
function agree(bytes: Uint8Array, clock: number, end: number, deletes: Deletes): void {
  const { structs, ds } = Y.decodeUpdate(bytes)
  let next = clock
  for (const struct of structs) {
    must(struct.id.client === LOG, `Yjs reads a struct of client ${struct.id.client}`)
    must(struct.id.clock === next, `Yjs reads a struct at clock ${struct.id.clock}, not at ${next}`)
    next += struct.length
  }
  must(structs.length === 0 || next === end, `Yjs reads structs up to clock ${next}, not to ${end}`)
  const ranges = [...ds.clients].flatMap(([client, items]) => items.map(({ clock: from, len }) => [client, from, len]))
  const expected = deletes ? [[LOG, deletes.from, deletes.to - deletes.from]] : []
  must(JSON.stringify(ranges) === JSON.stringify(expected), `Yjs reads the deletions ${JSON.stringify(ranges)}`)
}
