import type { Command, Concern, NodeName, Verb } from './command.js'
import { LineWords, printKey, printNumber } from './line-words.js'

const AMOUNT_MAX = Number.MAX_SAFE_INTEGER
const COUNT_MAX = 100_000
const STEPS_MAX = 1_000_000
const NODES_MAX = 64

type Read<V extends Verb> = (words: LineWords) => Command & { readonly verb: V }

/** Reads a command as `printCommand` prints it; times may carry units (`2s`).
 *  @throws Error that says what was expected, what was found, and the form of the command */
export function parseCommand(line: string): Command {
  return readCommand(new LineWords(line))
}

/** Reads a command that begins at the next word and ends with the line. @throws Error as `parseCommand` */
export function readCommand(words: LineWords): Command {
  const verb = words.next('a command')
  if (!isVerb(verb)) throw new Error(`no command is called ${JSON.stringify(verb)}; there are ${VERBS.join(', ')}`)
  const { form, read } = GRAMMAR[verb]
  try {
    const command = read(words)
    words.end()
    return command
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; the form is: ${form}`)
  }
}

/** Whether a line that begins with this word is a command. */
export function isVerb(word: string): word is Verb {
  return Object.hasOwn(GRAMMAR, word)
}

const GRAMMAR: { readonly [V in Verb]: { readonly form: string; readonly read: Read<V> } } = {
  add: {
    form: 'add NODE KEY AMOUNT [replicas N|majority]',
    read: words => ({ verb: 'add', node: words.node(), key: words.key(), amount: amount(words), ...concern(words) }),
  },
  group: {
    form: 'group NODE KEY AMOUNT [KEY AMOUNT …] [replicas N|majority]',
    read: words => ({ verb: 'group', node: words.node(), adds: adds(words), ...concern(words) }),
  },
  many: {
    form: 'many NODE PREFIX COUNT',
    read: words => ({
      verb: 'many',
      node: words.node(),
      prefix: words.key(),
      count: words.integer('how many', 1, COUNT_MAX),
    }),
  },
  read: { form: 'read NODE KEY', read: words => ({ verb: 'read', node: words.node(), key: words.key() }) },
  operate: {
    form: 'operate NODE KEY AMOUNT as NUMBER [replicas N|majority]',
    read: words => {
      const [node, key, added] = [words.node(), words.key(), amount(words)]
      words.expect('as')
      return {
        verb: 'operate',
        node,
        key,
        amount: added,
        id: words.integer('the number of an operation', 0, AMOUNT_MAX),
        ...concern(words),
      }
    },
  },
  transfer: {
    form: 'transfer FROM TO',
    read: words => ({ verb: 'transfer', from: words.node(), to: words.node() }),
  },
  start: { form: 'start NODE', read: words => ({ verb: 'start', node: words.node() }) },
  kill: {
    form: 'kill NODE [at write|landed|witnessed]',
    read: words => {
      const node = words.node()
      return words.accept('at')
        ? { verb: 'kill', node, at: words.one(['write', 'landed', 'witnessed']) }
        : { verb: 'kill', node }
    },
  },
  stop: { form: 'stop NODE', read: words => ({ verb: 'stop', node: words.node() }) },
  pause: { form: 'pause NODE MS', read: words => ({ verb: 'pause', node: words.node(), ms: words.ms('how long') }) },
  restore: {
    form: 'restore NODE STEPS',
    read: words => ({ verb: 'restore', node: words.node(), steps: steps(words) }),
  },
  reboot: { form: 'reboot NODE', read: words => ({ verb: 'reboot', node: words.node() }) },
  clock: {
    form: 'clock NODE +MS|-MS',
    read: words => ({ verb: 'clock', node: words.node(), ms: words.signedMs('a jump') }),
  },
  drift: {
    form: 'drift NODE PARTS-PER-MILLION',
    read: words => ({ verb: 'drift', node: words.node(), ppm: words.integer('a drift', -1_000_000, 1_000_000) }),
  },
  rollback: {
    form: 'rollback NODE STEPS',
    read: words => ({ verb: 'rollback', node: words.node(), steps: steps(words) }),
  },
  wipe: { form: 'wipe NODE', read: words => ({ verb: 'wipe', node: words.node() }) },
  clone: {
    form: 'clone NODE as NODE here|elsewhere',
    read: words => {
      const node = words.node()
      words.expect('as')
      return { verb: 'clone', node, as: words.node(), here: words.one(['here', 'elsewhere']) === 'here' }
    },
  },
  flip: {
    form: 'flip NODE RECORD',
    read: words => ({ verb: 'flip', node: words.node(), record: words.integer('a record', 0, AMOUNT_MAX) }),
  },
  disk: {
    form: 'disk NODE ok|full|fail|stuck, or disk NODE slow MS',
    read: words => {
      const node = words.node()
      const mode = words.one(['ok', 'full', 'fail', 'stuck', 'slow'])
      return mode === 'slow' ? { verb: 'disk', node, mode, ms: words.ms('a write') } : { verb: 'disk', node, mode }
    },
  },
  cut: {
    form: 'cut NODE NODE, or cut FROM > TO',
    read: words => {
      const from = words.node()
      const oneWay = words.accept('>')
      return { verb: 'cut', from, to: words.node(), oneWay }
    },
  },
  partition: {
    form: 'partition NODE … | NODE … [| NODE …]',
    read: words => ({ verb: 'partition', groups: groups(words) }),
  },
  heal: {
    form: 'heal, or heal NODE NODE',
    read: words => (words.done ? { verb: 'heal' } : { verb: 'heal', nodes: [words.node(), words.node()] }),
  },
  drop: { form: 'drop NODE NODE', read: words => ({ verb: 'drop', from: words.node(), to: words.node() }) },
  delay: {
    form: 'delay FROM TO MS JITTER-MS',
    read: words => ({
      verb: 'delay',
      from: words.node(),
      to: words.node(),
      ms: words.ms('the delay'),
      jitterMs: words.ms('its jitter'),
    }),
  },
  lose: { form: 'lose FROM TO PERCENT', read: words => ({ verb: 'lose', ...share(words) }) },
  repeat: { form: 'repeat FROM TO PERCENT', read: words => ({ verb: 'repeat', ...share(words) }) },
  damage: { form: 'damage FROM TO PERCENT', read: words => ({ verb: 'damage', ...share(words) }) },
  reorder: { form: 'reorder FROM TO PERCENT', read: words => ({ verb: 'reorder', ...share(words) }) },
  clog: {
    form: 'clog FROM TO MS',
    read: words => ({ verb: 'clog', from: words.node(), to: words.node(), ms: words.ms('how long') }),
  },
  join: { form: 'join NODE', read: words => ({ verb: 'join', node: words.node() }) },
  remove: {
    form: 'remove NODE by NODE',
    read: words => {
      const node = words.node()
      words.expect('by')
      return { verb: 'remove', node, by: words.node() }
    },
  },
  leave: {
    form: 'leave NODE MS',
    read: words => ({ verb: 'leave', node: words.node(), ms: words.integer('ms for it', 1, 600_000) }),
  },
  upgrade: {
    form: 'upgrade NODE 1|2',
    read: words => ({ verb: 'upgrade', node: words.node(), release: words.one(['1', '2']) === '1' ? 1 : 2 }),
  },
}

/** All words that a command may begin with. */
export const VERBS = Object.keys(GRAMMAR) as readonly Verb[]

function amount(words: LineWords): number {
  const read = words.integer('an amount', -AMOUNT_MAX, AMOUNT_MAX)
  if (read === 0) throw new Error('an amount is not 0')
  return read
}

function concern(words: LineWords): { readonly replicas?: Concern } {
  if (!words.accept('replicas')) return {}
  return { replicas: words.accept('majority') ? 'majority' : words.integer('how many stores', 1, NODES_MAX) }
}

function adds(words: LineWords): Array<{ readonly key: string; readonly amount: number }> {
  const read: Array<{ readonly key: string; readonly amount: number }> = []
  do read.push({ key: words.key(), amount: amount(words) })
  while (!words.done && !words.comes('replicas'))
  return read
}

function steps(words: LineWords): number {
  return words.integer('how many writes', 0, STEPS_MAX)
}

function share(words: LineWords): { readonly from: NodeName; readonly to: NodeName; readonly percent: number } {
  return { from: words.node(), to: words.node(), percent: words.percent() }
}

function groups(words: LineWords): NodeName[][] {
  const read: NodeName[][] = [[words.node()]]
  while (!words.done) {
    if (words.accept('|')) read.push([words.node()])
    else read.at(-1)?.push(words.node())
  }
  if (read.length < 2) throw new Error('a partition has two sides or more')
  return read
}

/** The line that `parseCommand` reads as this command. Times are in ms, rounded to 0.001. */
export function printCommand(command: Command): string {
  switch (command.verb) {
    case 'add':
      return `add ${command.node} ${printKey(command.key)} ${command.amount}${printConcern(command.replicas)}`
    case 'group': {
      const counts = command.adds.map(({ key, amount }) => `${printKey(key)} ${amount}`)
      return `group ${command.node} ${counts.join(' ')}${printConcern(command.replicas)}`
    }
    case 'many':
      return `many ${command.node} ${printKey(command.prefix)} ${command.count}`
    case 'operate':
      return `operate ${command.node} ${printKey(command.key)} ${command.amount} as ${command.id}${printConcern(command.replicas)}`
    case 'read':
      return `read ${command.node} ${printKey(command.key)}`
    case 'transfer':
    case 'drop':
      return `${command.verb} ${command.from} ${command.to}`
    case 'start':
    case 'stop':
    case 'reboot':
    case 'wipe':
    case 'join':
      return `${command.verb} ${command.node}`
    case 'kill':
      return `kill ${command.node}${command.at === undefined ? '' : ` at ${command.at}`}`
    case 'leave':
      return `leave ${command.node} ${command.ms}`
    case 'pause':
      return `pause ${command.node} ${printNumber(command.ms)}`
    case 'restore':
    case 'rollback':
      return `${command.verb} ${command.node} ${command.steps}`
    case 'clock':
      return `clock ${command.node} ${command.ms < 0 ? '' : '+'}${printNumber(command.ms)}`
    case 'drift':
      return `drift ${command.node} ${command.ppm}`
    case 'clone':
      return `clone ${command.node} as ${command.as} ${command.here ? 'here' : 'elsewhere'}`
    case 'flip':
      return `flip ${command.node} ${command.record}`
    case 'disk':
      return `disk ${command.node} ${command.mode}${command.mode === 'slow' ? ` ${printNumber(command.ms)}` : ''}`
    case 'remove':
      return `remove ${command.node} by ${command.by}`
    case 'upgrade':
      return `upgrade ${command.node} ${command.release}`
    default:
      return printNetworkCommand(command)
  }
}

type NetworkVerb = 'cut' | 'partition' | 'heal' | 'delay' | 'lose' | 'repeat' | 'damage' | 'reorder' | 'clog'

function printNetworkCommand(command: Extract<Command, { readonly verb: NetworkVerb }>): string {
  switch (command.verb) {
    case 'cut':
      return `cut ${command.from}${command.oneWay ? ' >' : ''} ${command.to}`
    case 'partition':
      return `partition ${command.groups.map(group => group.join(' ')).join(' | ')}`
    case 'heal':
      return command.nodes === undefined ? 'heal' : `heal ${command.nodes.join(' ')}`
    case 'delay':
      return `delay ${command.from} ${command.to} ${printNumber(command.ms)} ${printNumber(command.jitterMs)}`
    case 'clog':
      return `clog ${command.from} ${command.to} ${printNumber(command.ms)}`
    default:
      return `${command.verb} ${command.from} ${command.to} ${printNumber(command.percent)}`
  }
}

function printConcern(replicas: Concern | undefined): string {
  return replicas === undefined ? '' : ` replicas ${replicas}`
}
