import type { Command } from '../plan/command.js'

/** What a plan may hold, finer than its verbs: what a run should have covered. */
export const KINDS = [
  'add',
  'group',
  'many',
  'read',
  'operate',
  'transfer',
  'start',
  'kill',
  'kill at write',
  'kill at landed',
  'kill at witnessed',
  'stop',
  'pause',
  'restore',
  'reboot',
  'clock',
  'drift',
  'rollback',
  'wipe',
  'clone here',
  'clone elsewhere',
  'flip',
  'disk full',
  'disk fail',
  'disk stuck',
  'disk slow',
  'disk ok',
  'cut',
  'cut one way',
  'partition',
  'heal',
  'drop',
  'delay',
  'lose',
  'repeat',
  'damage',
  'reorder',
  'clog',
  'join',
  'remove',
  'leave',
  'upgrade',
] as const

export type Kind = (typeof KINDS)[number]

export function kindOf(command: Command): Kind {
  switch (command.verb) {
    case 'kill':
      return command.at === undefined ? 'kill' : `kill at ${command.at}`
    case 'clone':
      return command.here ? 'clone here' : 'clone elsewhere'
    case 'disk':
      return `disk ${command.mode}`
    case 'cut':
      return command.oneWay ? 'cut one way' : 'cut'
    default:
      return command.verb
  }
}
