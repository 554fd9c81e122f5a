import { Printer } from './printer.js'
import { runProgram } from './program.js'

const printer = new Printer(process.stdout, process.stderr, () => process.exit(0))
// Whatever a library still holds open must not keep a command from ending.
process.exit(await printer.end(await runProgram(process.argv.slice(2), { printer, env: process.env })))
