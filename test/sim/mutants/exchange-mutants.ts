import { type Mutant, mutant } from './mutant.js'

/** Mistakes in what replicas tell and believe each other. */
export const EXCHANGE_MUTANTS: readonly Mutant[] = [
  mutant(
    'digest-unchecked',
    'Two nodes that hold a log up to the same clock do not compare what it sums to.',
    'replica/clocks',
    'return a.lo !== b.lo || a.hi !== b.hi;',
    'return a.lo !== a.lo || b.hi !== b.hi;',
  ),
  mutant(
    'answered-in-flight',
    'Who asks for the own log is answered while a commit is in flight, and gets that, too.',
    'replica/sync',
    'if (this.commits.inFlight?.replica === id) {',
    'if (this.commits.inFlight?.replica === -1) {',
  ),
  mutant(
    'state-in-flight',
    'The clock that is told of the own log counts the commit in flight.',
    'replica/commits',
    'get state() {\n        return this.states.latest;',
    'get state() {\n        return this.states.latest && this.#writer ? stateOf(this.#writer.log) : this.states.latest;',
  ),
  mutant(
    'confirmed-unwritten',
    "Another node's batch is confirmed as durable when it was received.",
    'replica/sync',
    'this.owner.learned(peer.identity.name, beyond);\n                return true;',
    'this.durable([{ store: this.own, log: id, clock: log.clock }]);\n                this.owner.learned(peer.identity.name, beyond);\n                return true;',
  ),
  mutant(
    'import-recounted',
    'An import adds to the own slots what it should merge by maximum.',
    'replica/replica',
    "this.#adopt(entry, 'an import');",
    'if (entry.p > 0)\n                        this.commits.increment(this.commits.cell(entry.key), entry.p);',
  ),
  mutant(
    'checksum-unchecked',
    'The checksum of a frame is not compared.',
    'link/frame',
    'if (crc32(body, KIND_CRC[kind]) !== readUint32(bytes, 1)) {',
    'if (crc32(body, KIND_CRC[kind]) < 0) {',
  ),
  mutant(
    'clock-back-waits',
    'A node whose clock was set back dials nobody until that is where it was.',
    'node/elapsed',
    'this.#ms += Math.max(0, nowMs - this.#atMs);',
    'this.#ms += nowMs - this.#atMs;',
  ),
]
