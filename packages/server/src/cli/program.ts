import { CommanderError, Option, Command as Parser } from 'commander'
import { VERSION } from '../version.js'
import type { Command, Surroundings } from './command.js'
import { COMMANDS } from './commands.js'
import { CommandError, EXIT, EXIT_MEANINGS, exitCodeOf } from './exit-code.js'
import { isClientError, isTallymeshError } from './failure.js'
import { type Flag, flagName, isToggle } from './flag.js'
import { readFlags } from './flag-sources.js'
import { printable } from './printer.js'
import { readSettingsFile } from './settings-file.js'

/** Runs the command line. @returns the exit code; it never throws */
export async function runProgram(args: readonly string[], surroundings: Surroundings): Promise<number> {
  let exit: number = EXIT.done
  const parser = buildParser(async chosen => {
    exit = await runCommand(chosen, surroundings)
  })
  try {
    if (args.length === 0) parser.help({ error: true })
    await parser.parseAsync([...args], { from: 'user' })
    return exit
  } catch (error) {
    // Help and version end this way, too.
    if (error instanceof CommanderError) return error.exitCode === 0 && args.length > 0 ? EXIT.done : EXIT.usage
    throw error
  }
}

/** What was typed. */
interface Chosen {
  readonly command: Command
  readonly operands: readonly string[]
  readonly typed: ReadonlyMap<string, readonly string[]>
}

async function runCommand({ command, operands, typed }: Chosen, surroundings: Surroundings): Promise<number> {
  const { env, printer } = surroundings
  try {
    const path = typed.get('config')?.at(-1) ?? (command.flags.config?.env && env[command.flags.config.env])
    const file = path ? readSettingsFile(path) : undefined
    return await command.run(readFlags(command.flags, { typed, env, file }), operands, surroundings)
  } catch (error) {
    printer.progress('')
    printer.note(`tallymesh ${command.name}: ${sentence(error)}`)
    return exitCodeOf(error)
  }
}

function sentence(error: unknown): string {
  if (error instanceof CommandError) return printable(error.message)
  if (isTallymeshError(error)) return printable(`${error.message} (${error.code})`)
  if (isClientError(error)) {
    const { message, status, code } = error
    // Every sentence has its code at the end; once is enough.
    return printable(`${message.replaceAll(` answered ${status} ${code}`, ` answered ${status}`)} (${code})`)
  }
  // Not foreseen: where it came from helps whoever repairs it.
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** The parser of all commands; each that is typed is handed to `choose`. */
export function buildParser(choose: (chosen: Chosen) => Promise<void>): Parser {
  const parser = new Parser('tallymesh')
    .description('Counters that survive: run a node, and work with the counters of a room')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', () => `\nExit codes:\n${exitTable()}\n\nEach command has examples: tallymesh add --help`)
  settle(parser, 'tallymesh')
  for (const command of COMMANDS) parser.addCommand(buildCommand(command, choose))
  return parser
}

function buildCommand(command: Command, choose: (chosen: Chosen) => Promise<void>): Parser {
  const typed = new Map<string, string[]>()
  const parser = new Parser(command.name).summary(command.summary).description(describe(command))
  parser.helpOption('-h, --help', 'show this help')
  settle(parser, `tallymesh ${command.name}`)
  for (const { name, meaning, required, repeat } of command.operands) {
    const dots = repeat ? '...' : ''
    parser.argument(required ? `<${name}${dots}>` : `[${name}${dots}]`, meaning)
  }
  for (const [name, flag] of Object.entries(command.flags)) {
    const option = new Option(optionText(name, flag), optionMeaning(flag)).helpGroup(`${flag.group}:`)
    parser.addOption(option)
    // Commander's own values would hide whether a flag was typed, and change the names of those that start with "no".
    parser.on(`option:${option.name()}`, (value: string | null) => {
      typed.set(name, [...(typed.get(name) ?? []), ...(value === null || value === undefined ? [] : [value])])
    })
  }
  parser.addHelpText('after', () => examples(command))
  parser.action(() => choose({ command, operands: parser.args, typed }))
  return parser
}

function settle(parser: Parser, prefix: string): void {
  parser.exitOverride().configureOutput({
    outputError: (message, write) => {
      // "error: unknown option '--lisen'\n(Did you mean --listen?)\n"
      const [first = '', hint] = message
        .trim()
        .replace(/^error: /, '')
        .split('\n')
      const meant = hint === undefined ? '' : `; ${hint.replace(/^\(Did/, 'did').replace(/\)$/, '')}`
      write(`${prefix}: ${printable(first + meant)} (see ${prefix} --help)\n`)
    },
  })
}

/** `--drain-ms <MS>` */
export function optionText(name: string, flag: Flag<unknown>): string {
  return isToggle(flag) ? flagName(name) : `${flagName(name)} <${flag.kind.placeholder}>`
}

/** What a flag means, with its range, its default and its environment variable. */
export function optionMeaning(flag: Flag<unknown>): string {
  const facts = [
    ...(flag.kind.range === undefined ? [] : [flag.kind.range]),
    ...(flag.default === undefined ? [] : [`default ${flag.default}`]),
    ...(flag.list ? ['repeatable'] : []),
    ...(flag.env === undefined ? [] : [flag.env]),
  ]
  return facts.length === 0 ? flag.meaning : `${flag.meaning} (${facts.join('; ')})`
}

function describe({ summary, details }: Command): string {
  const first = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
  return details === undefined ? first : `${first} ${details}`
}

function examples({ examples }: Command): string {
  return `\nExamples:\n${examples.map(([typed, does]) => `  ${typed}\n      ${does}`).join('\n')}`
}

function exitTable(): string {
  return EXIT_MEANINGS.map(([code, meaning]) => `  ${code.padEnd(9)} ${meaning}`).join('\n')
}
