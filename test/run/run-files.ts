// A process of test files: `node run-files.js MARK`. Descriptor 3 hands it a line of JSON for each, and an end after the last.
import { readSync } from 'node:fs'
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { openJournal, record } from './journal.js'
import { beginFile } from './watched-uvu.js'

const FILES_FD = 3

const [mark] = process.argv.slice(2)
if (mark === undefined) throw new Error('usage: run-files.js MARK')

// What is measured of this process goes to where Node read at its start. What the test starts measures nothing: each process would
// write megabytes, which the report would have to read.
process.env.NODE_V8_COVERAGE = ''
const env = { ...process.env }
// Each file may add what it does at the end of the process.
process.setMaxListeners(0)

register('./uvu-hook.js', import.meta.url, { data: new URL('./watched-uvu.js', import.meta.url).href })

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((chunk: string | Uint8Array, ...rest: []) => {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
  for (const [, reason] of text.matchAll(/^SKIP: (.+)$/gm)) record({ event: 'skip-line', reason: reason as string })
  return write(chunk, ...rest)
}) as typeof process.stdout.write

let loaded = false
let ending = false

// Nothing keeps the process alive any more, where a process of one file would end.
process.on('beforeExit', () => {
  if (ending) return
  ending = true
  // As Node itself ends where a top-level await never settles.
  const code = process.exitCode ?? (loaded ? 0 : 13)
  write(`\n${mark} ${code}\n`, () => process.stderr.write(`\n${mark} ${code}\n`, next))
})

next()

function next(): void {
  const line = readLine()
  if (line === '') return
  const { file, journal } = JSON.parse(line) as { readonly file: string; readonly journal: string }
  // The test sees the arguments and the environment that it would see if it were started directly.
  process.argv.splice(1, Number.POSITIVE_INFINITY, file)
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
  process.exitCode = undefined
  // One that the file before has left would hide a crash of this one.
  for (const event of ['uncaughtException', 'unhandledRejection']) process.removeAllListeners(event)
  openJournal(journal)
  beginFile()
  loaded = ending = false
  void import(pathToFileURL(file).href).then(() => {
    loaded = true
    record({ event: 'loaded' })
  })
}

/** Waits for a line, or for the end of them; nothing else may go on meanwhile. */
function readLine(): string {
  const bytes: number[] = []
  const byte = Buffer.alloc(1)
  while (readSync(FILES_FD, byte) === 1 && byte[0] !== 10) bytes.push(byte[0] as number)
  return Buffer.from(bytes).toString()
}
