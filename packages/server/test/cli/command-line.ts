import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Printer } from '../../src/cli/printer.js'
import { runProgram } from '../../src/cli/program.js'
import { CliProcess, cleanEnv, type Ran } from './cli-process.js'

const LINES = fileURLToPath(new URL('./program-lines.js', import.meta.url))

/** What is typed, and the environment beside that of every test. */
export interface CommandLine {
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a command to its end in this process. All of it is the real program, but for the process around it: what concerns
 *  signals, terminals, or the parser's own words, which go to the streams of the process, needs `tallymesh`. */
export async function command(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const printed = { out: '', err: '' }
  const stream = (name: keyof typeof printed) =>
    new PassThrough({ encoding: 'utf8' }).on('data', text => (printed[name] += text))
  const printer = new Printer(stream('out'), stream('err'), () => {})
  const exit = await runProgram(args, { printer, env: { ...cleanEnv(), ...env } })
  const code = await printer.end(exit)
  // What was written last is on its way to the listener.
  await new Promise(resolve => setImmediate(resolve))
  return { code, signal: undefined, ...printed }
}

/** Runs commands against a server, in this process. */
export function commandsOf(server: () => { readonly url: string }) {
  return (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
    command(args, { TALLYMESH_URL: server().url, ...env })
}

/** Runs command lines one after another in one process of the program. */
export async function tallymeshLines(lines: readonly CommandLine[]): Promise<Ran[]> {
  const program = new CliProcess([], {}, [process.execPath, LINES, JSON.stringify(lines)])
  const { code, signal, out, err } = await program.ended()
  const outs = out.split('\0')
  const errs = err.split('\0')
  if (code !== 0 || errs.length !== lines.length + 1) throw new Error(`it ended by ${code ?? signal}:\n${out}${err}`)
  return lines.map((_line, at) => ({
    ...{ code: Number(outs[2 * at + 1]), signal: undefined },
    ...{ out: outs[2 * at] as string, err: errs[at] as string },
  }))
}
