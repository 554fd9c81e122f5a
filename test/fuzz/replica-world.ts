import {
  checkName,
  counterKey,
  type ErrorCode,
  type ReplicaId,
  type StoreId,
  storeId,
  TallymeshError,
} from '@tallymesh/crdt'
import { decodeHello, type Frame, parsePeerUrl } from '@tallymesh/link'
import { type Effect, type Input, type PeerIdentity, Replica } from '@tallymesh/replica'
import { Prng } from './prng.js'
import { type Slots, slotsOf } from './slots.js'
import { Fault, must } from './target.js'

const HEARTBEAT_MS = 1_000
const FRAMES_MAX = 2_000
/** The link between the two honest nodes, and that of the attacker. */
const HONEST = 1
const ATTACKER = 2

/** A replica whose disk is durable at once. */
class Honest {
  readonly replica: Replica
  readonly identity: PeerIdentity
  readonly outbox: Frame[] = []
  readonly attacked: Frame[] = []
  /** Why it closed the link to the attacker. */
  refused: TallymeshError | undefined
  acknowledged = 0
  forks = 0
  /** A record took the other honest node out of the room. */
  removed = false

  constructor(
    readonly name: string,
    known: readonly { log: ReplicaId; updates: readonly Uint8Array[] }[],
  ) {
    const prng = Prng.of(7, name, 0)
    const hex = (): StoreId => storeId(Buffer.from(prng.bytes(16)).toString('hex'))
    this.identity = { name, store: hex(), instance: hex(), replica: 0, urls: [] }
    this.replica = new Replica({
      ...this.identity,
      ...{ seeds: [], random: prng.next, lastNumber: 0, heartbeatMs: HEARTBEAT_MS, antiEntropyMs: HEARTBEAT_MS },
    })
    for (const stored of known) this.replica.load(stored)
    this.replica.start(undefined)
  }

  get refusal(): ErrorCode | undefined {
    return this.refused?.code
  }

  count(key: string): void {
    const { commits } = this.replica
    commits.increment(commits.cell(counterKey(key)), 1)
    this.flush()
  }

  flush(): void {
    for (let rounds = 0; this.replica.wantsFlush; rounds++) {
      must(rounds < 100, `${this.name} never has everything on its disk`)
      this.step({ type: 'flush' })
    }
  }

  /** Takes an input in and carries its effects out. @throws Fault where it harms the other honest node */
  step(input: Input): void {
    for (const effect of this.replica.step(input)) this.#carryOut(effect)
  }

  #carryOut(effect: Effect): void {
    if (effect.type === 'persist') this.step({ type: 'persisted' })
    if (effect.type === 'acknowledge') this.acknowledged++
    if (effect.type === 'send') (effect.link === HONEST ? this.outbox : this.attacked).push(effect)
    if (effect.type === 'report' && effect.error.code === 'LOG_FORKED') this.forks++
    if (effect.type !== 'close') return
    if (effect.link === ATTACKER) this.refused ??= effect.reason ?? new TallymeshError('LINK_FAILED', 'closed')
    // A record that takes a member out of the room, from a peer that has the token, is obeyed.
    else if (effect.reason?.code === 'MEMBER_REMOVED') this.removed = true
    else {
      throw new Fault(`${this.name} ended its link to an honest node: ${effect.reason?.code} ${effect.reason?.message}`)
    }
  }
}

/** Two honest replicas, linked with each other, and an attacker who is linked with one of them. */
export class ReplicaWorld {
  readonly victim: Honest
  readonly other: Honest
  #nowMs = 0

  /** @param known what the victim holds besides */
  constructor(known: { log: ReplicaId; updates: readonly Uint8Array[] }) {
    this.victim = new Honest('victim', [known])
    this.other = new Honest('other', [])
    for (let round = 0; round < 3; round++) for (const node of [this.victim, this.other]) node.count(`of ${node.name}`)
    const [one, two] = [this.victim, this.other].map(identityOf) as [PeerIdentity, PeerIdentity]
    this.victim.step({ type: 'open', link: HONEST, peer: two, dialed: true })
    this.other.step({ type: 'open', link: HONEST, peer: one, dialed: false })
    // That the stranger was met is recorded once.
    this.connect(undefined)
    this.disconnect()
    this.beat()
  }

  /** The attacker connects, as `hello` says or as a plain stranger. Answers why it is not let in, if it is not. */
  connect(hello: Uint8Array | undefined): ErrorCode | undefined {
    this.victim.refused = undefined
    const peer = hello ? admitted(hello) : { ...this.other.identity, name: 'x', store: FOREIGN, instance: FOREIGN }
    if (typeof peer === 'string') return peer
    this.victim.step({ type: 'open', link: ATTACKER, peer, dialed: false })
    this.settle()
    return this.victim.refusal
  }

  /** Hands a frame of the attacker over. Answers the code of its refusal. */
  attack({ kind, body }: Frame): ErrorCode | undefined {
    this.victim.step({ type: 'frame', link: ATTACKER, kind, body: body.slice() })
    return this.victim.refusal
  }

  disconnect(): void {
    this.victim.step({ type: 'closed', link: ATTACKER })
    this.victim.attacked.length = 0
  }

  /** Carries what the honest nodes say to each other, and to their disks. */
  settle(): void {
    for (let frames = 0; ; ) {
      for (const node of [this.victim, this.other]) node.flush()
      const [to, frame] = this.#next()
      if (!frame) return
      must(++frames < FRAMES_MAX, 'honest nodes answer each other without end')
      to.step({ type: 'frame', link: HONEST, kind: frame.kind, body: frame.body })
    }
  }

  /** Time passes: heartbeats, and comparisons of clocks. */
  beat(): void {
    for (let half = 0; half < 4; half++) {
      this.#nowMs += HEARTBEAT_MS / 2
      for (const node of [this.victim, this.other]) node.step({ type: 'tick', nowMs: this.#nowMs })
      this.settle()
    }
  }

  /** Whether each honest node knows what the other counted, where nobody took one out of the room. */
  get agrees(): boolean {
    const nodes = [this.victim, this.other]
    if (nodes.some(({ removed }) => removed)) return true
    return nodes.every(({ name }) => {
      const [one, two] = nodes.map(({ replica: { table } }) => table.value(table.idOf(counterKey(`of ${name}`))))
      return Object.is(one, two)
    })
  }

  get slots(): Slots {
    return slotsOf(this.victim.replica.table)
  }

  /** All that the victim's logs say, and a sum over its slots. */
  get state(): string {
    const { logs, table } = this.victim.replica.room
    let shown = ''
    for (const { id, clock, head, tip, complete, digest } of logs.values()) {
      shown += `${id} ${clock} ${head} ${tip} ${complete} ${digest.lo} ${digest.hi},`
    }
    let sum = 0
    for (let id = 0; id < table.size; id++) sum += (finite(table.value(id)) * (2 * id + 1)) % 1_000_003
    return `${shown} ${table.slots} ${sum}`
  }

  #next(): [to: Honest, frame: Frame | undefined] {
    const frame = this.victim.outbox.shift()
    return frame ? [this.other, frame] : [this.victim, this.other.outbox.shift()]
  }
}

const FOREIGN = storeId('5'.repeat(32))

/** What a node makes of a hello before its replica hears of it: see the mesh of packages/node. */
function admitted(body: Uint8Array): PeerIdentity | ErrorCode {
  try {
    const hello = decodeHello(body)
    checkName('the name of the node', hello.name)
    return { ...hello, urls: hello.urls.flatMap(addressOf) }
  } catch (error) {
    if (error instanceof TallymeshError) return error.code
    throw error
  }
}

function addressOf(url: string): string[] {
  try {
    return [parsePeerUrl(url)]
  } catch (error) {
    if (error instanceof TallymeshError) return []
    throw error
  }
}

function identityOf({ identity, replica }: Honest): PeerIdentity {
  return { ...identity, replica: replica.commits.replica ?? 0 }
}

/** A total past what a number holds counts as one here: that it rose shows in its slots. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 1
}
