import { printCommand, readCommand } from './command-words.js'
import { LineWords, printNumber } from './line-words.js'
import type { Plan, PlannedEvent } from './plan.js'
import { printRoom, RoomReader } from './room-words.js'

/** The plan as text: what the room is made of, then a line for each event. `parsePlan` reads it again. Times are rounded to
 *  0.001 ms. */
export function printPlan(plan: Plan): string {
  const events = plan.events.map(({ atMs, command }) => `${printNumber(atMs)} ${printCommand(command)}`)
  return [`seed ${plan.seed}`, ...printRoom(plan.room), '', ...events, ''].join('\n')
}

/** Reads the text of a plan; `#` begins a comment.
 *  @throws Error `line N: …` that says what was expected and what was found */
export function parsePlan(text: string): Plan {
  const room = new RoomReader()
  const events: PlannedEvent[] = []
  let seed: number | undefined
  for (const [index, line] of text.split('\n').entries()) {
    try {
      const words = new LineWords(line)
      if (words.done) continue
      if (words.accept('seed')) {
        seed = words.integer('a seed', 0, Number.MAX_SAFE_INTEGER)
        words.end()
      } else if (words.startsWithTime) events.push(readEvent(words, events.at(-1)?.atMs ?? 0))
      else readRoomLine(room, words)
    } catch (error) {
      throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (seed === undefined) throw new Error('a line with the seed is missing, such as: seed 41')
  return { seed, room: room.room, events }
}

function readEvent(words: LineWords, sinceMs: number): PlannedEvent {
  const atMs = words.ms('when')
  if (atMs < sinceMs) throw new Error(`${atMs} ms is before the event above it, at ${sinceMs} ms`)
  return { atMs, command: readCommand(words) }
}

function readRoomLine(room: RoomReader, words: LineWords): void {
  const first = words.next('seed, nodes, keys, option, or the time of an event')
  if (room.read(first, words)) return
  throw new Error(`expected seed, nodes, keys, option, or the time of an event in ms, found ${JSON.stringify(first)}`)
}
