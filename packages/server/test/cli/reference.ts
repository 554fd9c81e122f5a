import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from '../../src/cli/command.js'
import { COMMANDS } from '../../src/cli/commands.js'
import { EXIT_MEANINGS } from '../../src/cli/exit-code.js'
import { type Flag, flagName } from '../../src/cli/flag.js'
import { optionText } from '../../src/cli/program.js'

/** The reference of the command line, `packages/server/CLI.md`. */
export const REFERENCE_PATH = fileURLToPath(new URL('../../../CLI.md', import.meta.url))

const BEGIN = '<!-- commands: written by node packages/server/dist/test/cli/reference.js -->'

/** The reference as it must be: what stands above the mark, and below it what the program knows of itself. */
export function reference(current: string): string {
  const [above] = current.split(BEGIN)
  return `${above}${BEGIN}\n\n${exitCodes()}\n${COMMANDS.map(section).join('\n')}`
}

function exitCodes(): string {
  return `## Exit codes\n\n${table(['code', 'meaning'], EXIT_MEANINGS)}`
}

function section(command: Command): string {
  const { name, summary, details, operands, flags, examples } = command
  const usage = ['tallymesh', name, '[flags]', ...operands.map(operandText)].join(' ')
  const arguments_ = operands.map(({ name, meaning }) => [`\`${name}\``, meaning])
  return [
    `## tallymesh ${name}`,
    '',
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${details === undefined ? '' : ` ${details}`}`,
    '',
    '```sh',
    usage,
    '',
    ...examples.flatMap(([typed, does]) => [`# ${does}`, typed]),
    '```',
    '',
    ...(arguments_.length === 0 ? [] : [table(['argument', 'meaning'], arguments_)]),
    table(['flag', 'meaning', 'range', 'default', 'environment'], Object.entries(flags).map(flagRow)),
  ].join('\n')
}

function operandText({ name, required, repeat }: Command['operands'][number]): string {
  const text = repeat ? `${name}…` : name
  return required ? text : `[${text}]`
}

function flagRow([name, flag]: [string, Flag<unknown>]): string[] {
  const { meaning, list, kind, env } = flag
  return [
    `\`${optionText(name, flag)}\``,
    list ? `${meaning}; repeatable` : meaning,
    kind.range ?? '',
    flag.default ?? '',
    env === undefined ? '' : `\`${env}\``,
  ]
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return `${[line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

/** Every flag of a command, as it is typed. */
export function flagNames({ flags }: Command): string[] {
  return Object.keys(flags).map(flagName)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(REFERENCE_PATH, reference(readFileSync(REFERENCE_PATH, 'utf8')))
}
