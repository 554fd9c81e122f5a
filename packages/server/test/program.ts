import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { TEST_PROGRAMS: programs } = process.env

/** The real program: as the runner has put it into few files for this run, or as it is shipped. */
export const PROGRAM =
  programs === undefined
    ? fileURLToPath(new URL('../../bin/tallymesh.js', import.meta.url))
    : join(programs, 'bin/tallymesh.js')
