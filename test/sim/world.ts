import { crc32 } from 'node:zlib'
import type { TallymeshError } from '@tallymesh/crdt'
import { checkProcess } from './check/running.js'
import { type Draw, drawsOf, Stream } from './draw.js'
import { EPOCH_MS, SimMachine } from './machine.js'
import { SimNetwork } from './network/sim-network.js'
import type { Observer, Operation } from './observer.js'
import type { Command, NodeName } from './plan/command.js'
import type { RoomSpec } from './plan/plan.js'
import { ANSWER_BYTES_MAX } from './plan/room-words.js'
import { SimNode } from './sim-node.js'
import type { SimProcess } from './sim-process.js'
import { SimDisk } from './storage/sim-disk.js'
import { VirtualTime } from './virtual-time.js'

/** The system calls a tick that is asked for among the reactions of promises once none of them is left. */
const SETTLED = Promise.resolve()

/** What each node of a room answers at most at once, where the plan does not say: what real ones do, or less. */
const UPDATE_BYTES_MAX = [ANSWER_BYTES_MAX, 300, 300, 1_000] as const
const REMOVED_KEPT_MAX = [0, 0, 1, 16] as const
/** The share of calls whose caller waits for the outcome only after a while, up to so long. */
const PATIENT = [0.9, 0.2, 0, 0, 0, 0] as const
const PATIENCE_MS = 120

type CommandOf<Verb extends Command['verb']> = Extract<Command, { verb: Verb }>

export interface WorldOptions {
  readonly seed: number
  readonly room: RoomSpec
  readonly observer: Observer
  /** Takes each line of the trace. */
  readonly trace?: ((line: string) => void) | undefined
}

/** A room of real nodes in one thread of virtual time, with everything around them simulated. */
export class World {
  readonly time: VirtualTime
  readonly network: SimNetwork
  readonly nodes = new Map<NodeName, SimNode>()
  readonly room: RoomSpec
  /** How often each command did something. */
  readonly applied: Record<string, number> = {}
  /** How the last call of a scenario ended. */
  lastOutcome: string | undefined
  /** A sum over everything that happened, in order. */
  hash = 0
  readonly #draw: Draw
  /** Of all processes: most rooms catch up in many small answers. */
  readonly #updateBytesMax: number
  readonly #removedKeptMax: number
  readonly #patient: number
  readonly #observer: Observer
  readonly #trace: ((line: string) => void) | undefined
  #failure: Error | undefined
  #operations = 0
  readonly #operationIds = new Map<number, string>()
  #disks = 0
  #boots = 0

  constructor({ seed, room, observer, trace }: WorldOptions) {
    this.room = room
    this.#draw = drawsOf(seed)
    this.#updateBytesMax = room.answerBytesMax ?? new Stream(this.#draw, 'update bytes', 0).pick(UPDATE_BYTES_MAX)
    this.#removedKeptMax = new Stream(this.#draw, 'removed kept', 0).pick(REMOVED_KEPT_MAX)
    this.#patient = new Stream(this.#draw, 'patience', 0).pick(PATIENT)
    this.#trace = trace
    this.#observer = guarded(observer, error => {
      this.#failure ??= error
    })
    this.time = new VirtualTime(this.#draw)
    this.network = new SimNetwork({ time: this.time, draw: this.#draw, delayMs: room.delayMs })
    this.network.tap = (from, to, bytes) => this.#sent(from, to, bytes)
    for (const node of room.nodes) this.#addNode(node, this.#machine(node), this.#disk(node))
  }

  /** Starts all nodes of the room. */
  async start(): Promise<void> {
    for (const node of this.nodes.values()) node.start()
    await this.turns()
  }

  /** Lets time pass. @throws Error what a check found */
  runUntil(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // Without a promise for each event: they would take a quarter of all memory.
      const next = () => {
        if (this.#failure) return reject(this.#failure)
        try {
          if (!this.time.step(untilMs)) return resolve()
        } catch (error) {
          return reject(error as Error)
        }
        process.nextTick(drained)
      }
      const drained = () => void SETTLED.then(next)
      drained()
    })
  }

  /** Lets the promises of the program go on, until none is left that can. @throws Error what a check found */
  turns(): Promise<void> {
    return new Promise((resolve, reject) => {
      const drained = () => (this.#failure ? reject(this.#failure) : resolve())
      // A tick that is asked for within another one comes before the reactions that wait.
      void SETTLED.then(() => process.nextTick(drained))
    })
  }

  /** Carries a command out, if it applies now. @throws Error what a check found */
  async execute(command: Command): Promise<boolean> {
    const applies = this.#execute(command)
    if (applies) this.applied[nameOf(command)] = (this.applied[nameOf(command)] ?? 0) + 1
    await this.turns()
    return applies
  }

  /** The node, wherever it stands. @throws Error */
  node(name: NodeName): SimNode {
    const node = this.nodes.get(name)
    if (!node) throw new Error(`there is no node ${name}`)
    return node
  }

  /** After what time at most a caller waits for its outcome. */
  get patienceMs(): number {
    return this.#patient > 0 ? PATIENCE_MS : 0
  }

  /** The disks of all nodes that belong to the room. */
  disks(): Map<NodeName, SimDisk> {
    return new Map([...this.nodes.values()].filter(({ removed }) => !removed).map(({ name, disk }) => [name, disk]))
  }

  #execute(command: Command): boolean {
    switch (command.verb) {
      case 'add':
        return this.#add(command)
      case 'group':
        return this.#group(command.node, command.adds, command.replicas ?? 1)
      case 'many':
        return this.#many(command)
      case 'operate':
        return this.#operation(command)
      case 'read':
        return this.#read(command.node, command.key)
      case 'transfer':
        return this.#transfer(command)
      case 'start':
        return this.#onNode(
          command.node,
          node => !node.up && !node.removed,
          node => node.start(),
        )
      case 'kill':
        return this.#onNode(
          command.node,
          node => node.up,
          node => node.kill(command.at),
        )
      case 'stop':
        return this.#onNode(
          command.node,
          node => node.up,
          node => node.stop(),
        )
      case 'pause':
        return this.#pause(command)
      case 'restore':
        return this.#restore(command)
      case 'reboot':
        return this.#reboot(command.node)
      case 'clock':
        return this.#onNode(
          command.node,
          () => true,
          node => node.machine.jump(command.ms),
        )
      case 'drift':
        return this.#onNode(
          command.node,
          () => true,
          node => node.machine.drift(command.ppm),
        )
      case 'rollback':
        return this.#rollback(command)
      case 'wipe':
        return this.#wipe(command.node)
      case 'clone':
        return this.#clone(command)
      case 'flip':
        return this.#flip(command)
      case 'disk':
        return this.#setDisk(command)
      case 'join':
        return this.#join(command.node)
      case 'remove':
        return this.#remove(command)
      case 'leave':
        return this.#leave(command)
      case 'upgrade':
        return this.nodes.get(command.node)?.upgrade(command.release) ?? false
      default:
        return this.#disturb(command)
    }
  }

  #onNode(name: NodeName, applies: (node: SimNode) => boolean, act: (node: SimNode) => void): boolean {
    const node = this.nodes.get(name)
    if (!node || !applies(node)) return false
    act(node)
    return true
  }

  #add({ node: name, key, amount, replicas = 1 }: CommandOf<'add'>): boolean {
    return this.#operate(name, [{ key, amount }], replicas, process => {
      const counter = process.counter(key)
      const options = replicas === 1 ? undefined : { replicas }
      return amount > 0 ? counter.increment(amount, options) : counter.decrement(-amount, options)
    })
  }

  #group(name: NodeName, adds: CommandOf<'group'>['adds'], replicas: number | 'majority'): boolean {
    const counts = adds.map(({ key, amount }) => ({ key, add: amount }))
    return this.#operate(name, adds, replicas, ({ node }) =>
      node.add(counts, replicas === 1 ? undefined : { replicas }),
    )
  }

  #many({ node: name, prefix, count }: CommandOf<'many'>): boolean {
    let applies = true
    for (let i = 0; i < count && applies; i++) {
      const key = `${prefix}-${i}`
      applies = this.#operate(name, [{ key, amount: 1 }], 1, process => process.counter(key).increment())
    }
    return applies
  }

  #operate(
    name: NodeName,
    entries: Operation['entries'],
    replicas: number | 'majority',
    count: (process: SimProcess) => Promise<void>,
  ): boolean {
    const process = this.nodes.get(name)?.process
    if (!process?.started || process.paused) return false
    checkProcess(name, process)
    const { life } = this.node(name)
    const alone = replicas === 1
    const began = alone ? undefined : process.formed
    const id = ++this.#operations
    const patience = new Stream(this.#draw, 'patience of a call', 2 * id)
    const endsLate = alone && patience.chance(this.#patient)
    const operation: Operation = {
      id,
      node: name,
      life,
      entries,
      replicas,
      ...(began && { began }),
      ...(endsLate && { endsLate }),
    }
    this.#observer.attempted(operation)
    const ended = (code: string) => {
      if (alone) process.waiting--
      if (process.dead) return
      this.lastOutcome = code
      this.note(`ended ${operation.id} ${code}`, name)
      const disks = alone ? {} : { disks: this.disks() }
      this.#observer.ended({ operation, code, position: process.node.position, ...disks })
    }
    const outcome = count(process)
    const wait = () => {
      if (alone) process.waiting++
      outcome.then(
        () => ended('ok'),
        (error: TallymeshError) => ended(error.code),
      )
    }
    if (endsLate) this.time.after(patience.int(PATIENCE_MS), wait)
    else wait()
    return true
  }

  #operation({ node: name, key, amount, id, replicas = 1 }: CommandOf<'operate'>): boolean {
    const node = this.nodes.get(name)
    const process = node?.process
    if (!node || !process?.started || process.paused) return false
    checkProcess(name, process)
    const call = { number: id, node: name, life: node.life, key, amount }
    this.#observer.operated(call)
    const ended = (code: string) => {
      if (process.dead) return
      this.lastOutcome = code
      this.note(`ended operation ${id} ${code}`, name)
      this.#observer.operationEnded(call, code)
    }
    process
      .counter(key)
      .increment(amount, { operation: this.#operationId(id), ...(replicas === 1 ? {} : { replicas }) })
      .then(
        () => ended('ok'),
        (error: TallymeshError) => ended(error.code),
      )
    return true
  }

  /** Its client made it when it called first: a UUID of version 7. */
  #operationId(number: number): string {
    let id = this.#operationIds.get(number)
    if (id === undefined) {
      const time = Math.floor(EPOCH_MS + this.time.nowMs)
        .toString(16)
        .padStart(12, '0')
      id = `${time}7000${(0x8000000000000000n + BigInt(number)).toString(16)}`
      this.#operationIds.set(number, id)
    }
    return id
  }

  #read(name: NodeName, key: string): boolean {
    const node = this.nodes.get(name)
    if (!node?.process?.started || node.process.paused) return false
    checkProcess(name, node.process)
    const { increments, decrements } = node.process.counter(key).totals
    this.#observer.read({ node: name, life: node.life, key, increments, decrements })
    return true
  }

  #transfer({ from, to }: CommandOf<'transfer'>): boolean {
    const source = this.nodes.get(from)?.process
    const target = this.nodes.get(to)?.process
    if (!source?.started || !target?.started || source === target) return false
    const move = async () => {
      const slots = [...(await source.node.exportSlots())]
      if (!target.dead) await target.node.importSlots(slots)
    }
    // A refusal is an `error` event of the node, too.
    move().catch(() => {})
    return true
  }

  #pause({ node: name, ms }: CommandOf<'pause'>): boolean {
    const process = this.nodes.get(name)?.process
    if (!process || process.paused) return false
    process.pause()
    this.time.after(ms, () => process.dead || process.resume())
    return true
  }

  #restore({ node: name, steps }: CommandOf<'restore'>): boolean {
    const node = this.nodes.get(name)
    if (!node?.restore(steps)) return false
    this.#observer.lost('restore', name, this.disks())
    return true
  }

  #reboot(name: NodeName): boolean {
    const { machine } = this.nodes.get(name) ?? {}
    if (!machine) return false
    const here = [...this.nodes.values()].filter(node => node.machine === machine)
    for (const node of here) {
      node.kill()
      node.disk.powerLoss()
    }
    machine.boots++
    machine.memory.reboot(this.#draw(`kept witness ${machine.name}`, ++this.#boots) < 0.3)
    // What a machine draws once it booted nobody drew before, in no future that a snapshot undid.
    machine.random.position = this.#boots * 2 ** 32
    for (const node of here) this.#observer.lost('power', node.name, this.disks())
    return true
  }

  #rollback({ node: name, steps }: CommandOf<'rollback'>): boolean {
    if (!this.nodes.get(name)?.rollback(steps)) return false
    this.#observer.lost('rollback', name, this.disks())
    return true
  }

  #wipe(name: NodeName): boolean {
    const node = this.nodes.get(name)
    if (!node || node.up) return false
    node.replaceDisk(node.disk.wiped(`disk ${name} ${++this.#disks}`))
    // Without a seed an empty node is a room of its own: who puts the disk in has to name the others.
    if (node.seeds.length === 0) node.seeds = this.#othersThan(name)
    this.#observer.lost('wipe', name, this.disks())
    return true
  }

  #clone({ node: name, as, here }: CommandOf<'clone'>): boolean {
    const original = this.nodes.get(name)
    if (!original || original.removed || original.leaver || this.nodes.has(as)) return false
    const disk = original.disk.copy(`disk ${as} ${++this.#disks}`)
    const copy = this.#addNode(as, here ? original.machine : this.#machine(as), disk)
    copy.release = original.release
    copy.start()
    return true
  }

  #flip({ node: name, record }: CommandOf<'flip'>): boolean {
    const node = this.nodes.get(name)
    if (!node || node.leaver || !node.disk.flip(record)) return false
    this.#observer.lost('flip', name, this.disks())
    return true
  }

  #setDisk(command: CommandOf<'disk'>): boolean {
    const disk = this.nodes.get(command.node)?.disk
    if (!disk) return false
    if (command.mode === 'fail') disk.failNext = true
    else disk.setMode(command.mode, command.mode === 'slow' ? command.ms : undefined)
    return true
  }

  #join(name: NodeName): boolean {
    if (this.nodes.has(name)) return false
    this.#addNode(name, this.#machine(name), this.#disk(name)).start()
    return true
  }

  /** Its disk goes with it: an operator who takes a node out for good keeps nothing of it. */
  #remove({ node: name, by }: CommandOf<'remove'>): boolean {
    const node = this.nodes.get(name)
    const process = this.nodes.get(by)?.process
    if (!node || node.up || node.removed || !process || process.paused || process.node.status !== 'ready') return false
    if (this.#isCopied(node)) return false
    node.removed = true
    process.node.removeMember(node.disk.storeId).catch(() => {})
    this.#observer.lost('remove', name, this.disks())
    return true
  }

  #leave({ node: name, ms }: CommandOf<'leave'>): boolean {
    const node = this.nodes.get(name)
    const { process } = node ?? {}
    if (!node || !process || process.paused || process.node.status !== 'ready' || node.leaver || this.#isCopied(node)) {
      return false
    }
    node.leave(ms, code => {
      this.lastOutcome = code
    })
    return true
  }

  /** Whether another node of the room has a copy of its disk: that would be taken out with it. */
  #isCopied(node: SimNode): boolean {
    for (const other of this.nodes.values()) {
      if (other !== node && !other.removed && other.disk.storeId === node.disk.storeId) return true
    }
    return false
  }

  #disturb(command: Exclude<Command, { node: NodeName } | { verb: 'transfer' }>): boolean {
    const { network } = this
    switch (command.verb) {
      case 'cut':
        network.cut(command.from, command.to)
        if (!command.oneWay) network.cut(command.to, command.from)
        return true
      case 'partition':
        return this.#partition(command.groups)
      case 'heal':
        network.heal(...(command.nodes ?? []))
        return true
      case 'drop':
        network.drop(command.from, command.to)
        return true
      case 'delay':
        network.delay(command.from, command.to, command.ms, command.jitterMs)
        return true
      case 'clog':
        network.clog(command.from, command.to, command.ms)
        return true
      default:
        network.setShare(command.verb, command.from, command.to, command.percent)
        return true
    }
  }

  #partition(groups: CommandOf<'partition'>['groups']): boolean {
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1)) {
        for (const a of group) {
          for (const b of other) {
            this.network.cut(a, b)
            this.network.cut(b, a)
          }
        }
      }
    }
    return true
  }

  #machine(name: NodeName): SimMachine {
    return new SimMachine(name, this.time, this.#draw)
  }

  #disk(name: NodeName): SimDisk {
    const { syncMs, foldAfterMs } = this.room
    const folds = foldAfterMs !== undefined
    return new SimDisk({ time: this.time, draw: this.#draw, name: `disk ${name} ${++this.#disks}`, syncMs, folds })
  }

  #othersThan(name: NodeName): NodeName[] {
    return [...new Set([...this.room.nodes, ...this.nodes.keys()])].filter(other => other !== name)
  }

  #addNode(name: NodeName, machine: SimMachine, disk: SimDisk): SimNode {
    // Who comes later is told of everybody who is there.
    const seeds = this.#othersThan(name)
    const { room, time, network } = this
    const node = new SimNode(name, machine, disk, seeds, {
      ...{ room, time, network, observer: this.#observer },
      ...{ updateBytesMax: this.#updateBytesMax, removedKeptMax: this.#removedKeptMax },
      disks: () => this.disks(),
      note: (what, by) => this.note(what, by),
    })
    this.nodes.set(name, node)
    return node
  }

  /** Notes that something happened: in the hash, and in the trace. */
  note(what: string, node: NodeName): void {
    this.#mix(crc32(what, crc32(node)))
    this.#trace?.(`${this.time.nowMs.toFixed(3)} ${node} ${what}`)
  }

  #sent(from: NodeName, to: NodeName, bytes: Uint8Array): void {
    const sum = crc32(bytes)
    this.#mix(sum)
    const node = this.nodes.get(from)
    if (!node) return
    const [kind = 0] = bytes
    if (this.#trace) {
      const what = `kind ${kind}, ${bytes.length} bytes, sum ${sum.toString(16)}`
      this.#trace(`${this.time.nowMs.toFixed(3)} ${from} > ${to} ${what}`)
    }
    const { life, disk } = node
    const body = bytes.subarray(5)
    this.#observer.sent({ node: from, life, store: disk.storeId, disk, kind, body })
  }

  #mix(word: number): void {
    this.hash = (Math.imul(this.hash ^ word, 0x01000193) + Math.floor(this.time.nowMs * 1024)) | 0
  }
}

function nameOf(command: Command): string {
  if (command.verb === 'disk') return `disk ${command.mode}`
  if (command.verb === 'kill' && command.at) return `kill at ${command.at}`
  if (command.verb === 'clone') return command.here ? 'clone here' : 'clone elsewhere'
  if (command.verb === 'cut') return command.oneWay ? 'cut one way' : 'cut'
  return command.verb
}

/** An observer whose complaints end the run, wherever they come up: what calls it may catch errors of its own. */
function guarded(observer: Observer, failed: (error: Error) => void): Observer {
  const guard = <Told extends unknown[]>(tell: (...told: Told) => void) => {
    return (...told: Told): void => {
      try {
        tell.apply(observer, told)
      } catch (error) {
        failed(error as Error)
      }
    }
  }
  return {
    started: guard(observer.started),
    attempted: guard(observer.attempted),
    ended: guard(observer.ended),
    read: guard(observer.read),
    operated: guard(observer.operated),
    operationEnded: guard(observer.operationEnded),
    stopped: guard(observer.stopped),
    recovering: guard(observer.recovering),
    lost: guard(observer.lost),
    leaving: guard(observer.leaving),
    left: guard(observer.left),
    restored: guard(observer.restored),
    sent: guard(observer.sent),
    reported: guard(observer.reported),
  }
}
