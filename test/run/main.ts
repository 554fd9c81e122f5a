// Runs the tests of the whole repository; `npm test -- --help` tells how.
import { fileURLToPath } from 'node:url'
import { killAll } from './run-process.js'
import { DEADLINE_MS, runTests } from './run-tests.js'

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    killAll()
    process.exit(code)
  })
}

// This file is compiled to test/dist/run/main.js.
const root = fileURLToPath(new URL('../../..', import.meta.url))
process.exitCode = await runTests({
  root,
  args: process.argv.slice(2),
  env: process.env,
  deadlineMs: DEADLINE_MS,
  print: text => process.stdout.write(text),
})
