import { decodeBatch, decodeLogUpdate, type Entry, type ReplicaId, replicaId, Table } from '@tallymesh/crdt'
import { FRAME_HELLO, type Frame } from '@tallymesh/link'
import { decodeMessage } from '@tallymesh/replica'
import { mutateFrames, packFrames, unpackFrames } from '../frames.js'
import { HostileFrames } from '../hostile-frames.js'
import { LogSamples } from '../log-samples.js'
import type { Prng } from '../prng.js'
import { ReplicaWorld } from '../replica-world.js'
import { anyCommit, samplesOf } from '../sample-entries.js'
import { type SampleLog, writeLog } from '../sample-logs.js'
import { claimsOf, type Totals, unraised } from '../slots.js'
import { must, type OpenTarget, type Outcome, type Target } from '../target.js'

const RETIRED = replicaId(2 ** 52 + 7)
/** Inputs that leave nothing behind and share a world, at most: what hides in one of them cannot pile up. */
const WORLD_INPUTS_MAX = 40
/** Comparisons of clocks after which honest nodes must agree: a log that is stuck is given up after three. */
const AGREE_BEATS_MAX = 12

/** `Replica.step`: an attacker who has the token talks to one of two honest nodes, which go on counting. */
export const replica: Target = {
  name: 'replica',
  share: 3_500,
  codes: [
    ...(['FRAME_DAMAGED', 'UPDATE_REFUSED', 'BATCH_DAMAGED', 'BATCH_UNSUPPORTED', 'MEMBER_REMOVED'] as const),
    ...(['WRONG_PROTOCOL', 'WRONG_VERSION', 'INVALID_NAME', 'LINK_FAILED'] as const),
  ],
  open: seed => new ReplicaTarget(seed),
}

class ReplicaTarget implements OpenTarget {
  readonly #retired: LogSamples
  readonly #hostile: HostileFrames
  #world: ReplicaWorld
  #worldInputs = 0

  constructor(seed: number) {
    this.#retired = new LogSamples(RETIRED, seed, 8)
    this.#world = this.#make()
    const { victim, other } = this.#world
    const hijacked = [victim, other].map((node, at) =>
      hijack(node.replica.room, node.replica.commits.replica, seed + at),
    )
    const ids = [RETIRED, ...hijacked.map(({ id }) => id)]
    this.#hostile = new HostileFrames({ halfKnown: this.#retired, hijacked, ids }, seed, true)
  }

  sample(prng: Prng): Uint8Array {
    return packFrames(this.#hostile.sample(prng))
  }

  mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
    return mutateFrames(bytes, prng, () => this.#hostile.frame(prng))
  }

  feed(bytes: Uint8Array): Outcome {
    const world = this.#world
    const [before, slots, own] = [world.state, world.slots, world.victim.replica.commits.replica]
    const frames = unpackFrames(bytes)
    const claims = claimsIn(frames)
    let same = false
    try {
      const code = this.#attack(world, frames)
      world.beat()
      world.disconnect()
      // An id that is said to be folded whole counts nothing any more.
      const { room } = world.victim.replica
      const kept = [...slots].filter(([slot]) => !room.isOver(replicaId(Number.parseInt(slot, 10))))
      const wrong = unraised(new Map(kept), world.slots, claims)
      must(wrong === undefined, `${wrong}`)
      must(world.victim.forks > 0 || world.victim.replica.commits.replica === own, 'the victim gave its id up silently')
      same = world.state === before
      this.#counts(world)
      return code ?? 'accepted'
    } finally {
      if (!same || ++this.#worldInputs >= WORLD_INPUTS_MAX) this.#world = this.#make()
    }
  }

  #attack(world: ReplicaWorld, frames: readonly Frame[]): Outcome | undefined {
    const hello = frames[0]?.kind === FRAME_HELLO ? frames[0].body : undefined
    const refused = world.connect(hello)
    if (refused) return refused
    for (const frame of hello ? frames.slice(1) : frames) {
      const before = world.state
      const code = world.attack(frame)
      must(
        code === undefined || code === 'MEMBER_REMOVED' || world.state === before,
        `a frame was refused with ${code} and changed the node`,
      )
      world.settle()
      for (const { doc } of world.victim.replica.room.logs.values()) {
        must(doc.store.pendingStructs === null && doc.store.pendingDs === null, 'Yjs holds pending structs')
      }
      if (code) return code
    }
    return undefined
  }

  /** Both nodes still count, and learn what the other counts. */
  #counts(world: ReplicaWorld): void {
    for (const node of [world.victim, world.other]) {
      const { acknowledged } = node
      node.count(`of ${node.name}`)
      must(node.acknowledged > acknowledged, `${node.name} acknowledges nothing any more`)
    }
    world.settle()
    for (let beats = 0; !world.agrees; beats++) {
      must(beats < AGREE_BEATS_MAX, `what an honest node counts does not arrive within ${beats} comparisons of clocks`)
      world.beat()
    }
  }

  #make(): ReplicaWorld {
    this.#worldInputs = 0
    return new ReplicaWorld({ log: RETIRED, updates: [this.#retired.knownAtOnce] })
  }
}

/** A history that goes on where a live log ends, written by somebody else. */
function hijack(room: ReplicaWorld['victim']['replica']['room'], id: ReplicaId | undefined, seed: number): SampleLog {
  if (id === undefined) throw new Error('a node has no id')
  return writeLog(id, samplesOf(anyCommit, 4, seed), [room.log(id).diff(0, 1_000_000).bytes])
}

/** What frames say of slots, as far as they can be read. */
export function claimsIn(frames: readonly Frame[]): Map<string, Totals> {
  const claims = new Map<string, Totals>()
  for (const { kind, body } of frames) {
    const message = attempt(() => decodeMessage(kind, body))
    if (message?.type !== 'update' && message?.type !== 'diff') continue
    const elements = attempt(() => decodeLogUpdate(message.log, message.update).elements) ?? []
    for (const element of elements) claimsOf(message.log, attempt(() => entriesOf(element)) ?? [], claims)
  }
  return claims
}

function entriesOf(element: Uint8Array): Entry[] {
  return decodeBatch(element, new Table()).entries.map(({ entry }) => entry)
}

function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
