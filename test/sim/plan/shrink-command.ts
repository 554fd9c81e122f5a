import type { Command } from './command.js'

/** Plainer commands of the same or a simpler kind; the plainest first.
 *  @param distinct whether amounts name operations: then they stay as they are */
export function simplerCommands(command: Command, distinct: boolean): Command[] {
  switch (command.verb) {
    case 'add': {
      const { replicas, ...rest } = command
      const plain: Command[] = replicas === undefined ? [] : [rest]
      if (distinct) return plain
      return [
        ...plain,
        ...smaller(Math.abs(command.amount), 1).map(size => ({ ...command, amount: signed(size, command) })),
      ]
    }
    case 'group':
      return simplerGroups(command)
    case 'many':
      return smaller(command.count, 1).map(count => ({ ...command, count }))
    case 'kill':
      return command.at === undefined ? [] : [{ verb: 'kill', node: command.node }]
    case 'pause':
    case 'clog':
      return smaller(command.ms, 0).map(ms => ({ ...command, ms }))
    case 'clock':
      return smaller(Math.abs(command.ms), 1).map(ms => ({ ...command, ms: command.ms < 0 ? -ms : ms }))
    case 'drift':
      return smaller(Math.abs(command.ppm), 1).map(ppm => ({ ...command, ppm: command.ppm < 0 ? -ppm : ppm }))
    case 'restore':
    case 'rollback':
      return smaller(command.steps, 1).map(steps => ({ ...command, steps }))
    case 'flip':
      return smaller(command.record, 0).map(record => ({ ...command, record }))
    case 'disk':
      return command.mode === 'slow' ? smaller(command.ms, 0).map(ms => ({ ...command, ms })) : []
    case 'delay':
      return [
        ...smaller(command.jitterMs, 0).map(jitterMs => ({ ...command, jitterMs })),
        ...smaller(command.ms, 0).map(ms => ({ ...command, ms })),
      ]
    case 'lose':
    case 'repeat':
    case 'damage':
    case 'reorder':
      // A fault that is certain is easier to follow than one that is drawn.
      return command.percent === 100 ? [] : [{ ...command, percent: 100 }]
    case 'partition':
      return command.groups.length > 2
        ? [{ ...command, groups: [command.groups[0] ?? [], command.groups.slice(1).flat()] }]
        : []
    case 'stop':
      return [{ verb: 'kill', node: command.node }]
    default:
      return []
  }
}

/** Fewer counts: one alone, then without each. */
function simplerGroups(command: Extract<Command, { readonly verb: 'group' }>): Command[] {
  const { replicas, adds, ...rest } = command
  const groups: Command[] = replicas === undefined ? [] : [{ ...rest, adds }]
  if (adds.length === 1) return [...groups, ...adds.map(add => ({ ...rest, ...add, verb: 'add' as const }))]
  const half = Math.ceil(adds.length / 2)
  if (half > 1) groups.push({ ...command, adds: adds.slice(0, half) }, { ...command, adds: adds.slice(half) })
  for (const add of adds) groups.push({ ...command, adds: adds.filter(other => other !== add) })
  return groups
}

function signed(size: number, { amount }: { readonly amount: number }): number {
  return amount < 0 ? -size : size
}

/** Smaller whole numbers, `least` first, none where it is that already. */
function smaller(value: number, least: number): number[] {
  const found = [least, Math.floor(value / 10), Math.floor(value / 2), Math.floor(value) - 1]
  return [...new Set(found)].filter(number => number >= least && number < value)
}
