import { type ReplicaId, showReplicaId } from '@tallymesh/crdt'
import type { NodeName } from './plan/command.js'
import type { LineWords } from './plan/words.js'
import type { SimNode } from './sim-node.js'
import type { SimProcess } from './sim-process.js'
import type { World } from './world.js'

/** What an expectation may look at. */
export interface Stage {
  readonly world: World
  /** How the last call ended; undefined while it did not. Lets time pass until it did, within a limit. */
  outcome(): Promise<string | undefined>
  /** The id that a node had before what was last done to it. */
  idBefore(node: NodeName): ReplicaId | 0
}

/** What somebody would see if they looked now. */
export interface Sight {
  readonly holds: boolean
  readonly saw: string
}

export interface Expectation {
  readonly expected: string
  look(stage: Stage): Promise<Sight>
}

type Look = (stage: Stage) => Promise<Sight> | Sight

/** Reads what must be seen; undefined where the line says something else. @throws Error that says what was expected */
export function readExpectation(words: LineWords): Expectation | undefined {
  const not = words.accept('not')
  const read = words.done ? undefined : READERS.get(words.peek)
  if (!read) {
    if (not) words.expect('what must not be seen')
    return undefined
  }
  const look = read(words, words.next('what must be seen'))
  words.end()
  const expected = words.line.trim()
  if (!not) return { expected, look: async stage => look(stage) }
  return {
    expected,
    look: async stage => {
      const { holds, saw } = await look(stage)
      return { holds: !holds, saw }
    },
  }
}

/** By the first word; `docs/TESTING.md` lists them. */
const READERS: ReadonlyMap<string, (words: LineWords, first: string) => Look> = new Map([
  ['value', readValue],
  ['outcome', readOutcome],
  ['reported', readReported],
  ['id', readId],
  ['members', words => onProcess(words, 'integer', process => process.node.members().length)],
  ['links', words => onProcess(words, 'integer', ({ replica }) => [...replica.peers].length)],
  ['logs', words => onProcess(words, 'integer', ({ replica }) => liveLogs(replica.room.logs.values()))],
  ['status', words => onProcess(words, 'word', process => process.node.status)],
  ['state', readState],
  ['up', readUp],
  ['down', readUp],
  ['refused', readRefused],
])

function readValue(words: LineWords): Look {
  const name = words.accept('*') ? '*' : words.node()
  const key = words.key()
  const expected = BigInt(words.whole('a value'))
  return async ({ world }) => {
    const nodes = name === '*' ? [...world.nodes.values()].filter(({ up }) => up) : [world.node(name)]
    // Somebody reads it: so it is checked like any other reading, too.
    for (const { name } of nodes) await world.execute({ verb: 'read', node: name, key })
    const seen = nodes.map(node => ({ name: node.name, value: countedBy(node, key) }))
    const saw = seen.map(({ name, value }) => `${name} ${value ?? 'is down'}`).join(', ')
    return { holds: seen.length > 0 && seen.every(({ value }) => value === expected), saw: saw || 'nobody is up' }
  }
}

function countedBy({ process }: SimNode, key: string): bigint | undefined {
  if (!process) return undefined
  const { increments, decrements } = process.node.reader(key).totals
  return increments - decrements
}

function readOutcome(words: LineWords): Look {
  const expected = words.next('ok, none or a code')
  return async stage => {
    // A call that never ends is one that did not end so far.
    const code = (expected === 'none' ? stage.world.lastOutcome : await stage.outcome()) ?? 'none'
    return { holds: code === expected, saw: code }
  }
}

function readReported(words: LineWords): Look {
  const name = words.node()
  const code = words.next('a code')
  return ({ world }) => {
    const { reports } = world.node(name)
    const saw = reports.map(report => `${report.code}: ${report.message}`).join('; ')
    return { holds: reports.some(report => report.code === code), saw: saw || 'no reports' }
  }
}

function readId(words: LineWords): Look {
  const name = words.node()
  const expected = words.one(['same', 'fresh', 'none'])
  return ({ world, idBefore }) => {
    const { process } = world.node(name)
    if (!process) return { holds: false, saw: `${name} is down` }
    const before = idBefore(name)
    const id = process.replica.commits.replica
    const seen = !id ? 'none' : id === before ? 'same' : 'fresh'
    return { holds: seen === expected, saw: `${showId(id)}, before it was ${showId(before)}` }
  }
}

function showId(id: ReplicaId | 0 | undefined): string {
  return id ? showReplicaId(id) : 'none'
}

function readState(words: LineWords): Look {
  const name = words.node()
  const other = words.node()
  const expected = words.one(['up', 'suspect', 'down'])
  return ({ world }) => {
    const members = world.node(name).process?.node.members() ?? []
    const seen = members.filter(member => member.name === other).map(({ state }) => state)
    return { holds: seen.some(state => state === expected), saw: seen.join(', ') || 'no such member' }
  }
}

function readUp(words: LineWords, first: string): Look {
  const name = words.node()
  return ({ world }) => {
    const { up } = world.node(name)
    return { holds: up === (first === 'up'), saw: up ? 'up' : 'down' }
  }
}

function readRefused(words: LineWords): Look {
  const name = words.node()
  const code = words.next('a code')
  return ({ world }) => {
    const { refused } = world.node(name)
    return { holds: refused === code, saw: refused ?? 'no start was refused' }
  }
}

/** What a process shows, compared with the next word. */
function onProcess(words: LineWords, form: 'integer' | 'word', show: (process: SimProcess) => number | string): Look {
  const name = words.node()
  const expected = form === 'integer' ? words.integer('how many', 0, 1_000_000) : words.next('a status')
  return ({ world }) => {
    const { process } = world.node(name)
    if (!process) return { holds: false, saw: `${name} is down` }
    const seen = show(process)
    return { holds: seen === expected, saw: String(seen) }
  }
}

function liveLogs(logs: Iterable<{ readonly clock: number }>): number {
  return [...logs].filter(({ clock }) => clock > 0).length
}
