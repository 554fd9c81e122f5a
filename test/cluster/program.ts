import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The path of a program that a test starts: the one that the runner has put into few files for this run, or the program itself.
 *  @param name as in test/run/programs.ts */
export function programPath(name: 'node-process.js' | 'bin/tallymesh.js', itself: URL): string {
  const { TEST_PROGRAMS: programs } = process.env
  return programs === undefined ? fileURLToPath(itself) : join(programs, name)
}
