import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where tests that open hundreds of stores put them: in memory, if the machine has such a place. */
export const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** An empty directory of one test. */
export function temporary(base = tmpdir()): { path: string; remove(): void } {
  const path = mkdtempSync(join(base, 'tallymesh-store-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
