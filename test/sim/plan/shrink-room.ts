import type { Command, NodeName } from './command.js'
import type { Plan, PlannedEvent } from './plan.js'

/** The plan without this node and all that names it. */
export function withoutNode(plan: Plan, node: NodeName): Plan {
  const { releases, ...room } = plan.room
  const left = Object.entries(releases ?? {}).filter(([name]) => name !== node)
  return {
    ...plan,
    room: {
      ...room,
      nodes: room.nodes.filter(name => name !== node),
      ...(left.length > 0 && { releases: Object.fromEntries(left) }),
    },
    events: plan.events.flatMap(({ atMs, command }) => {
      const without = commandWithout(command, node)
      return without ? [{ atMs, command: without }] : []
    }),
  }
}

/** Plainer rooms with the same events, or with events that count on fewer keys; the plainest first. */
export function smallerRooms(plan: Plan): Plan[] {
  const { room } = plan
  const used = usedKeys(plan)
  const plans: Plan[] = [onOneKey(plan), { ...plan, room: { ...room, keys: room.keys.filter(key => used.has(key)) } }]
  for (const key of [...used].reverse()) plans.push(onFirstKey(plan, key))
  const { releases, ...young } = room
  if (releases) plans.push({ ...plan, room: young })
  const { commitEntriesMax, ...roomy } = room
  if (commitEntriesMax !== undefined) plans.push({ ...plan, room: roomy })
  const { answerBytesMax, ...plainly } = room
  if (answerBytesMax !== undefined) plans.push({ ...plan, room: plainly })
  const plain = { heartbeatMs: 500, antiEntropyMs: 2_000, delayMs: [1, 1], syncMs: [1, 1] } as const
  plans.push({ ...plan, room: { ...room, ...plain } })
  for (const [name, value] of Object.entries(plain)) plans.push({ ...plan, room: { ...room, [name]: value } })
  return plans
}

function commandWithout(command: Command, node: NodeName): Command | undefined {
  switch (command.verb) {
    case 'partition': {
      const groups = command.groups.map(group => group.filter(name => name !== node)).filter(group => group.length > 0)
      return groups.length > 1 ? { ...command, groups } : undefined
    }
    case 'heal':
      return command.nodes?.includes(node) ? undefined : command
    case 'clone':
      return command.node === node || command.as === node ? undefined : command
    case 'remove':
      return command.node === node || command.by === node ? undefined : command
    default:
      if ('node' in command) return command.node === node ? undefined : command
      return command.from === node || command.to === node ? undefined : command
  }
}

/** All keys that events name, in the order in which they come. */
function usedKeys(plan: Plan): Set<string> {
  const keys = new Set<string>()
  for (const { command } of plan.events) {
    if (command.verb === 'add' || command.verb === 'read') keys.add(command.key)
    else if (command.verb === 'group') for (const { key } of command.adds) keys.add(key)
  }
  return keys
}

const KEY = 'orders'

function onOneKey(plan: Plan): Plan {
  return onKeys(plan, () => KEY)
}

/** Counts on the first key of the plan instead of on this one. */
function onFirstKey(plan: Plan, key: string): Plan {
  const [first = KEY] = usedKeys(plan)
  return onKeys(plan, name => (name === key ? first : name))
}

/** With other keys. Where each amount must be its own, they are dealt out anew, from 1. */
function onKeys(plan: Plan, mapped: (key: string) => string): Plan {
  const amounts = new Map<string, number>()
  const count = ({ key, amount }: { readonly key: string; readonly amount: number }) => {
    const name = mapped(key)
    return { key: name, amount: plan.room.distinct ? ownAmount(amounts, name, amount < 0) : amount }
  }
  const events: PlannedEvent[] = plan.events.map(({ atMs, command }) => {
    if (command.verb === 'add') return { atMs, command: { ...command, ...count(command) } }
    if (command.verb === 'group') return { atMs, command: { ...command, adds: command.adds.map(count) } }
    if (command.verb === 'read') return { atMs, command: { ...command, key: mapped(command.key) } }
    return { atMs, command }
  })
  // Too many adds for one key: nothing is gained.
  for (const power of amounts.values()) if (power > 2 ** 52) return plan
  const moved = { ...plan, events }
  return { ...moved, room: { ...plan.room, keys: [...usedKeys(moved)] } }
}

function ownAmount(amounts: Map<string, number>, key: string, isDown: boolean): number {
  const name = `${isDown ? '-' : '+'}${key}`
  const amount = amounts.get(name) ?? 1
  amounts.set(name, 2 * amount)
  return isDown ? -amount : amount
}
