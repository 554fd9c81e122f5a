// The command `npm run sim`; `npm run sim -- --help` tells how.
import { fileURLToPath } from 'node:url'
import { runCommand } from './cli/command.js'
import { standardOutput } from './cli/screen.js'

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort())
process.exitCode = await runCommand(process.argv.slice(2), {
  // This file is compiled to test/dist/sim/main.js.
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  worker: { simulator: new URL('real-simulator.js', import.meta.url).href },
  screen: standardOutput,
  interrupt: interrupt.signal,
})
