// The real program, for several command lines one after another: each as if it ran alone, but in one process. Behind what a line
// printed stand its exit code, on stdout, and a mark, on stderr.
import { Printer } from '../../src/cli/printer.js'
import { runProgram } from '../../src/cli/program.js'
import type { CommandLine } from './command-line.js'

const lines = JSON.parse(process.argv[2] ?? '[]') as readonly CommandLine[]
const printer = new Printer(process.stdout, process.stderr, () => process.exit(0))
for (const { args, env = {} } of lines) {
  const code = await printer.end(await runProgram(args, { printer, env: { ...process.env, ...env } }))
  await new Promise(resolve => process.stdout.write(`\0${code}\0`, resolve))
  await new Promise(resolve => process.stderr.write('\0', resolve))
}
process.exit(0)
