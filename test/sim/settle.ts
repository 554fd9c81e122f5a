import { type OperationId, operationTimeMs, type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { Replica } from '@tallymesh/replica'
import { Breach } from './check/breach.js'
import type { SettledNode } from './check/checks.js'
import type { SimNode } from './sim-node.js'
import type { World } from './world.js'

/** Between two looks at whether a room is at rest, ms. */
const LOOK_MS = 200
/** Settled operations are forgotten at the end where their window is no longer: for them time is made to pass. */
const FORGOTTEN_WINDOW_MS_MAX = 1_000
/** How long a healed room may take to come to rest, ms of virtual time: redialing, reopening and handshakes wait 5 s each. */
const SETTLE_MS_MAX = 60_000

/** Ends all faults around `nodes` and starts those of them that are down. */
export function heal(world: World, nodes: readonly SimNode[]): void {
  for (const node of membersOf(nodes)) {
    for (const other of membersOf(nodes)) if (node.name < other.name) world.network.heal(node.name, other.name)
    node.disk.failNext = false
    node.disk.setMode('ok')
    node.process?.resume()
    node.upgrade(2)
    // What failed for good waits for its operator.
    if (node.process?.node.status === 'failed') node.kill()
    if (!node.up) node.start()
  }
}

/** Lets time pass until those of `among` that stay in the room are at rest and hold the same.
 *  @throws Breach where that takes too long: the room does not converge */
export async function settle(world: World, among: readonly SimNode[]): Promise<void> {
  const beginMs = world.time.nowMs
  const { antiEntropyMs, foldAfterMs, foldGraceMs = 0, retryWindowMs = Number.POSITIVE_INFINITY } = world.room
  // What is folded may be what folded others.
  const foldMs = foldAfterMs === undefined ? 0 : 3 * (foldAfterMs + Math.min(foldGraceMs, SETTLE_MS_MAX))
  const remembered = foldGraceMs > SETTLE_MS_MAX
  // Who leaves waits for members that are away as long as it was told to.
  const healedMs = Math.max(beginMs, ...among.map(({ leavesUntilMs }) => leavesUntilMs))
  const endMs = healedMs + SETTLE_MS_MAX + 30 * antiEntropyMs + foldMs
  // By then every caller waits for its outcome.
  await world.runUntil(world.time.nowMs + world.patienceMs)
  for (;;) {
    // Who leaves may be out by now.
    const nodes = membersOf(among)
    const unrest =
      unrestOf(nodes) ??
      (foldAfterMs === undefined
        ? undefined
        : (unfoldedOf(nodes, remembered) ??
          unsettledOf(nodes, retryWindowMs, !remembered && retryWindowMs <= FORGOTTEN_WINDOW_MS_MAX)))
    if (unrest === undefined) {
      // A process that was resumed a moment ago has yet to look what happened meanwhile.
      await world.runUntil(world.time.nowMs)
      if (unrestOf(nodes) === undefined) return
    }
    if (world.time.nowMs >= endMs) {
      const text = `the room is not at rest ${Math.round(world.time.nowMs - beginMs)} ms after the last fault: ${unrest}`
      throw new Breach(7, 'liveness', text)
    }
    for (const node of nodes) {
      if (node.process?.node.status === 'failed') node.kill()
      if (!node.up) node.start()
    }
    tellWhoIsOut(world, nodes)
    await world.runUntil(world.time.nowMs + LOOK_MS)
  }
}

/** Those that stay in the room, as the last checks see them. @throws Breach where nobody stays */
export function settledNodes(nodes: readonly SimNode[]): SettledNode[] {
  const members = membersOf(nodes)
  if (members.length === 0) throw new Breach(1, 'deserted', 'the last members left the room, and all counts with them')
  return members.map(({ name, disk, process }) => {
    if (!process) throw new Error(`${name} is at rest and down`)
    const { node, replica } = process
    return { node: name, disk, replica, keys: [...replica.table.keys('')], read: key => node.reader(key).totals }
  })
}

export function membersOf(nodes: readonly SimNode[]): SimNode[] {
  return nodes.filter(({ removed }) => !removed)
}

/** Whoever left, and was ended before the others knew, is removed by them, as its operator is told. */
function tellWhoIsOut(world: World, nodes: readonly SimNode[]): void {
  const teller = nodes.find(({ process }) => process?.node.status === 'ready')?.process
  for (const { leaver, removed, disk } of world.nodes.values()) {
    if (!leaver || !removed || teller?.replica.members.get(disk.storeId)?.removed !== false) continue
    // It is refused for as long as the other seems to be up.
    teller.node.removeMember(disk.storeId).catch(() => {})
  }
}

/** Why the nodes are not at rest; undefined where they are. */
function unrestOf(nodes: readonly SimNode[]): string | undefined {
  let first: { readonly name: string; readonly replica: Replica } | undefined
  for (const { name, process } of nodes) {
    if (!process?.started) return `${name} is down`
    if (process.node.status !== 'ready') return `${name} is ${process.node.status}`
    if (!process.atRest) return `${name} has something to write`
    const { replica } = process
    // Who is alone waits for somebody to come.
    if (replica.room.ledger.waits && replica.peers.size > 0) return `${name} holds entries that wait for others`
    for (const log of replica.forks.hasAll ? replica.room.begunAnew.whole(replica.room) : []) {
      return `${name} has not looked through the log ${showReplicaId(log.id)} that it fetched afresh`
    }
    if (replica.forks.waits && replica.peers.size > 0 && !replica.contested) {
      return `${name} has not carried on the operations of a frozen log`
    }
    for (const peer of replica.peers) {
      for (const log of peer.pulling.keys()) {
        // A question that was lost, and answered by others since.
        if ((peer.has.get(log) ?? 0) <= (replica.room.logs.get(log)?.clock ?? 0)) continue
        return `${name} waits for an answer of ${peer.identity.name}`
      }
    }
    const difference = first && differenceOf(first.replica, replica)
    if (difference !== undefined) return `${first?.name} and ${name} differ: ${difference}`
    first ??= { name, replica }
  }
  return undefined
}

/** Which node of several still holds operations, though every member is there. What an id carries that nobody writes under waits for its fold.
 *  @param forgotten whether settled ones are to be forgotten by then, too */
function unsettledOf(nodes: readonly SimNode[], retryWindowMs: number, forgotten: boolean): string | undefined {
  const replicas = nodes.flatMap(({ process }) => (process ? [process.replica] : []))
  if (!replicas.every(({ operations: { stands } }) => stands.complete && !stands.alone)) return undefined
  // What a log dropped that is frozen is forgotten once that is folded.
  if (replicas.some(isFull)) return undefined
  const oldMs = Math.min(...nodes.map(({ machine }) => machine.wallMs)) - retryWindowMs
  for (const { options, room } of replicas) {
    const { open, operations } = room.ledger
    if (open.size > 0) return `${options.name} holds ${open.size} open operations`
    if (!forgotten || operations.size === 0) continue
    // By a clock that was set back their window is not over.
    const isOver = ([id]: readonly [OperationId, unknown]) => (operationTimeMs(id) ?? 0) <= oldMs
    if ([...operations].every(isOver)) return `${options.name} still remembers ${operations.size} operations`
  }
  return undefined
}

/** Which id that is nobody's is not folded, though all is there that this needs: every member, and somebody who counts.
 *  @param remembered whether folds are remembered for longer than the run takes */
function unfoldedOf(nodes: readonly SimNode[], remembered: boolean): string | undefined {
  const replicas = nodes.flatMap(({ process }) => (process ? [process.replica] : []))
  const folds = replicas.every(({ operations: { stands } }) => stands.complete && !stands.alone)
  for (const { options, commits, room } of replicas) {
    for (const id of commits.replica === undefined ? [] : room.ledger.folds.claimsBy(commits.replica).keys()) {
      if (room.isOver(id)) return `${options.name} still claims ${showReplicaId(id)}, which is folded whole`
    }
  }
  // What fits no slot counts where it is.
  if (replicas.some(isFull)) return undefined
  if (!folds || replicas.every(({ commits }) => commits.replica === undefined)) return undefined
  for (const { options, operations } of replicas) {
    for (const { replica, state } of operations.folding.states()) {
      // Only its claimant knows how far it is.
      if (remembered && state !== 'retired') continue
      return `${options.name} holds ${state} id ${showReplicaId(replica)}`
    }
  }
  return undefined
}

/** Whether something fits no absorbed slot. */
function isFull({ operations }: Replica): boolean {
  return [...operations.folding.states()].some(({ state }) => state === 'full')
}

function differenceOf(a: Replica, b: Replica): string | undefined {
  for (const id of a.room.forked)
    if (!b.room.forked.has(id)) return `only one knows that log ${id.toString(16)} is forked`
  for (const id of b.room.forked)
    if (!a.room.forked.has(id)) return `only one knows that log ${id.toString(16)} is forked`
  return removalsDiffer(a, b) ?? removalsDiffer(b, a) ?? logsDiffer(a, b) ?? logsDiffer(b, a)
}

function removalsDiffer(a: Replica, b: Replica): string | undefined {
  for (const { store, name } of a.members.others()) {
    if (a.members.isRemoved(store) !== b.members.isRemoved(store)) return `only one knows that ${name} was removed`
  }
  return undefined
}

function logsDiffer(a: Replica, b: Replica): string | undefined {
  for (const [id, log] of a.room.logs) {
    if (a.room.forked.has(id) || log.clock === 0) continue
    const other = b.room.logs.get(id)
    if (!log.complete || !other?.complete || log.clock !== other.clock) return clocks(id, log.clock, other?.clock)
    if (!log.digest.equals(other.digest)) return `log ${id.toString(16)} has two digests at ${log.clock}`
    // Two histories that count the same have one digest: only the checksums of their last batches tell.
    if (log.tip !== undefined && other.tip !== undefined && log.tip !== other.tip) {
      return `log ${id.toString(16)} has two histories at ${log.clock}`
    }
  }
  return undefined
}

function clocks(id: ReplicaId, a: number, b = 0): string {
  return `log ${id.toString(16)} stands at ${a} and ${b}`
}
