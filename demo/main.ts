import { randomBytes } from 'node:crypto'
import { runDemo } from './demo.js'
import { FlagError, type Flags, readFlags, USAGE } from './flags.js'

const EXIT = { passed: 0, failed: 1, wrongFlags: 2, SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let flags: Flags
  try {
    flags = readFlags(args, () => randomBytes(4).readUInt32LE())
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    return refuse(error)
  }
  if (flags.help) {
    console.log(USAGE)
    return EXIT.passed
  }
  const abort = new AbortController()
  let exitCode: number = EXIT.failed
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      exitCode = EXIT[signal]
      abort.abort()
    })
  }
  // Who read the output has gone, such as `| head`: there is nobody left to show anything to.
  process.stdout.on('error', () => abort.abort())
  try {
    const passed = await runDemo(flags, abort.signal)
    return passed ? EXIT.passed : EXIT.failed
  } catch (error) {
    if (error instanceof FlagError) return refuse(error)
    if (abort.signal.aborted) return exitCode
    console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`)
    return EXIT.failed
  }
}

function refuse(error: FlagError): number {
  console.error(`${error.message} (--help explains the flags)`)
  return EXIT.wrongFlags
}
