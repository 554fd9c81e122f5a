import type { ReplicaId } from '@tallymesh/crdt'
import { replicaId } from '@tallymesh/crdt'
import { encodeHello, FRAME_HELLO, type Frame } from '@tallymesh/link'
import { encodeMessage, type Message } from '@tallymesh/replica'
import type { LogSamples } from './log-samples.js'
import type { Prng } from './prng.js'
import { recordedFrames } from './recordings.js'
import { anyCommit, samplesOf } from './sample-entries.js'
import { anyHello, withBadId } from './sample-hellos.js'
import { encodeUpdate, type SampleLog, writeLog } from './sample-logs.js'
import { anyMessage } from './sample-messages.js'

/** Whom the frames are about. */
export interface HostileContext {
  /** A log of which the victim holds a half. */
  readonly halfKnown: LogSamples
  /** Histories that go on where the victim's copies end, under ids that are not the sender's. */
  readonly hijacked: readonly SampleLog[]
  /** Ids that the victim knows. */
  readonly ids: readonly ReplicaId[]
}

const STRANGER = replicaId(4_711)
/** A host that takes more bytes in the form that is dialed than in the one that was given. */
const WIDE_URL = `ws://${Array.from({ length: 330 }, (_, at) => String.fromCharCode(0x4e00 + ((at * 7_919) % 20_000)))
  .join('')
  .replace(/.{15}/g, '$&.')}:7001`

/** Frames as a peer sends them that has the token and means ill. */
export class HostileFrames {
  readonly #recorded: readonly Frame[]
  readonly #messages: readonly Message[]
  readonly #hellos: readonly Frame[]
  readonly #stranger: SampleLog

  constructor(
    readonly context: HostileContext,
    seed: number,
    /** Whether hellos name URLs: real nodes dial them. */
    readonly urls: boolean,
  ) {
    this.#recorded = recordedFrames().filter(({ kind, body }) => kind >= 16 && (urls || !named(body)))
    const messages = samplesOf(anyMessage, 200, seed)
    this.#messages = urls ? messages : messages.filter(({ type }) => type !== 'members')
    this.#hellos = samplesOf(anyHello, 60, seed + 2).map(hello => {
      const body = encodeHello({ ...hello, room: 'shop', urls: urls ? [...hello.urls.slice(0, 7), WIDE_URL] : [] })
      return { kind: FRAME_HELLO, body }
    })
    this.#stranger = writeLog(STRANGER, samplesOf(anyCommit, 12, seed + 3))
  }

  /** One to four frames, sometimes behind a hello. */
  sample(prng: Prng, hello = prng.chance(0.2)): Frame[] {
    const frames = Array.from({ length: 1 + prng.int(3) }, () => this.frame(prng))
    return hello ? [this.hello(prng), ...frames] : frames
  }

  hello(prng: Prng): Frame {
    const { kind, body } = prng.pick(this.#hellos)
    return { kind, body: prng.chance(0.8) ? body : withBadId(body, prng) }
  }

  frame(prng: Prng): Frame {
    const way = prng.int(10)
    if (way < 2) return prng.pick(this.#recorded)
    if (way < 4) return encodeMessage(this.#about(prng.pick(this.#messages), prng))
    if (way < 7) return sync(this.context.halfKnown.id, this.context.halfKnown.update(prng), prng)
    if (way === 7 && this.context.hijacked.length > 0) return this.#gap(prng)
    const log = way < 9 && this.context.hijacked.length > 0 ? prng.pick(this.context.hijacked) : this.#stranger
    return sync(
      log.id,
      prng.chance(0.7) ? (log.updates.at(-1 - prng.int(3)) ?? prng.pick(log.updates)) : prng.pick(log.updates),
      prng,
    )
  }

  /** Says that somebody else's log goes far beyond what was ever written, all of it deleted. */
  #gap(prng: Prng): Frame {
    const { id, log, elements } = prng.pick(this.context.hijacked)
    const clock = prng.pick([0, log.head, log.clock - 1, log.clock])
    const deleted = prng.pick([0, 1, 8, 1_000, 2 ** 40])
    const batches = prng.chance(0.7) ? [prng.pick(elements)] : []
    const deletes = prng.chance(0.5) ? undefined : { from: 0, length: prng.pick([1, log.clock, 2 ** 40]) }
    return sync(id, encodeUpdate(id, { clock, deleted, elements: batches, deletes }), prng)
  }

  /** The same message, about ids that mean something to the victim. */
  #about(message: Message, prng: Prng): Message {
    const id = () => (prng.chance(0.7) ? prng.pick(this.context.ids) : STRANGER)
    if (message.type === 'clocks') return { ...message, logs: message.logs.map(state => ({ ...state, log: id() })) }
    if (message.type === 'durable') return { ...message, marks: message.marks.map(mark => ({ ...mark, log: id() })) }
    if (message.type === 'pull' || message.type === 'diff' || message.type === 'update')
      return { ...message, log: id() }
    return message
  }
}

function sync(log: ReplicaId, update: Uint8Array, prng: Prng): Frame {
  const live = prng.chance(0.5)
  return encodeMessage(live ? { type: 'update', log, update } : { type: 'diff', log, update, more: prng.chance(0.5) })
}

/** Whether a recorded frame may name an address. */
function named(body: Uint8Array): boolean {
  return Buffer.from(body).includes('ws://')
}
