import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Benchmark } from './benchmark.js'
import type { Findings } from './report.js'

const RUN_MS_MAX = 900_000
const script = fileURLToPath(new URL('./main.js', import.meta.url))

/** Runs one benchmark in a process of its own, so that the code and the garbage of one do not slow down another. */
export async function runApart({ name }: Benchmark, quick: boolean): Promise<Findings> {
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-bench-'))
  const json = join(dir, 'found.json')
  const args = [script, name, '--no-verdict', '--json', json, ...(quick ? ['--quick'] : [])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const end = () => child.kill()
  const timer = setTimeout(end, RUN_MS_MAX)
  process.on('exit', end)
  try {
    const [code, signal] = await once(child, 'exit')
    if (code !== 0) throw new Error(`it ended with ${signal ?? code}; run it alone: npm run bench -- ${name}`)
    const { found } = JSON.parse(readFileSync(json, 'utf8')) as { found: [Findings] }
    return found[0]
  } finally {
    clearTimeout(timer)
    process.off('exit', end)
    rmSync(dir, { recursive: true, force: true })
  }
}
