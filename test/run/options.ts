/** What the command line asks for. */
export interface Options {
  /** Parts of source paths; empty means all files. */
  readonly select: readonly string[]
  readonly coverage: boolean
  readonly jobs: number
  readonly help: boolean
}

export const USAGE = `usage: npm test -- [--no-coverage] [--jobs N] [PART...]

Builds, then runs every test file, those of one package or directory after one another in one process, and reports coverage.

  PART            run only files whose path contains PART; each PART must match a file
  --no-coverage   neither measure nor report coverage
  --jobs N        run N files at a time (1 to 64, default 3)
  --help          print this text

REQUIRE_ALL=1 makes every skipped test a failure.
A comment "// deadline: 300 s" in the first ten lines of a test file raises its deadline of 120 s;
"// alone: it changes V8's flags" gives it a process of its own.`

/** One more than the cores of a small machine: many tests wait for what takes its time. */
const JOBS_DEFAULT = 3
const JOBS_MAX = 64

/** @throws Error with a sentence for the user */
export function readOptions(args: readonly string[]): Options {
  const select: string[] = []
  let coverage = true
  let help = false
  let jobs = JOBS_DEFAULT
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (arg === '--no-coverage') coverage = false
    else if (arg === '--help') help = true
    else if (arg === '--jobs') jobs = readJobs(args[++i])
    else if (arg.startsWith('-')) throw new Error(`unknown option ${arg}`)
    else if (arg === '') throw new Error('an empty PART matches everything; leave it out')
    else select.push(arg)
  }
  return { select, coverage, jobs, help }
}

function readJobs(text: string | undefined): number {
  const jobs = Number(text)
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > JOBS_MAX) {
    throw new Error(`--jobs must be an integer from 1 to ${JOBS_MAX}, got ${text ?? 'nothing'}`)
  }
  return jobs
}
