// The process of one test file: `node run-file.js JOURNAL FILE`.
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { openJournal, record } from './journal.js'

const [journal, file] = process.argv.slice(2)
if (journal === undefined || file === undefined) throw new Error('usage: run-file.js JOURNAL FILE')
// The test sees the arguments that it would see if it were started directly.
process.argv.splice(1, 3, file)

openJournal(journal)
register('./uvu-hook.js', import.meta.url, { data: new URL('./watched-uvu.js', import.meta.url).href })

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((chunk: string | Uint8Array, ...rest: []) => {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
  for (const [, reason] of text.matchAll(/^SKIP: (.+)$/gm)) record({ event: 'skip-line', reason: reason as string })
  return write(chunk, ...rest)
}) as typeof process.stdout.write

await import(pathToFileURL(file).href)
record({ event: 'loaded' })
