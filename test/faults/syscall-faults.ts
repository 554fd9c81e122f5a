import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../cluster/until.js'

/** A system call that fails. */
export interface SyscallFault {
  readonly call: string
  readonly error: 'EIO' | 'ENOSPC'
  /** Which of the calls, counted from 1 for each thread and from when the fault is laid, as strace has it: `3` or `1..6`. */
  readonly when: string
}

/** LevelDB numbers its files upwards; so many new ones are foreseen. */
const NEW_FILES_MAX = 60

/** Why no fault can be laid here; undefined where it can. */
export function whyNoSyscallFaults(): string | undefined {
  try {
    execFileSync('strace', ['-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=1', 'true'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return 'strace is not installed'
    return `strace may not trace processes here: ${message.split('\n').join(' ')}`
  }
}

const attached = new Set<ChildProcess>()
process.on('exit', () => {
  for (const strace of attached) strace.kill('SIGKILL')
})

/** Faults in the system calls of a running process, by strace. A fault is injected before the kernel sees the call, and only in
 *  calls on the files of one data directory: the same call on a pipe or a socket would end the process for another reason. */
export class SyscallFaults {
  readonly #strace: ChildProcess
  readonly #trace: string
  readonly #ended: Promise<unknown>

  private constructor(strace: ChildProcess, trace: string) {
    this.#strace = strace
    this.#trace = trace
    attached.add(strace)
    this.#ended = once(strace, 'close').then(() => attached.delete(strace))
  }

  /** Lays faults; resolves once they are in place.
   *  @param dataDir undefined for all files: only for calls that nothing but a store makes, such as rename
   *  @param trace the file that strace writes what it did to
   *  @param named which of the files of the data directory calls fail on. Default: all */
  static async lay(
    pid: number,
    dataDir: string | undefined,
    trace: string,
    faults: readonly SyscallFault[],
    named = /./,
  ): Promise<SyscallFaults> {
    const calls = [...new Set(faults.map(({ call }) => call))]
    const paths = dataDir === undefined ? [] : pathsWithin(dataDir).filter(path => named.test(path))
    rmSync(trace, { force: true })
    const strace = spawn(
      'strace',
      [
        ...['-f', '-p', `${pid}`, '-o', trace, '-y', '-s', '0', '-e', `trace=${calls.join(',')}`],
        ...faults.flatMap(({ call, error, when }) => ['-e', `inject=${call}:error=${error}:when=${when}`]),
        ...paths.flatMap(path => ['-P', path]),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    strace.stderr?.on('data', text => {
      said += text
    })
    const laid = new SyscallFaults(strace, trace)
    await until('strace to attach', () => {
      if (strace.exitCode !== null) throw new Error(`strace ended: ${said}`)
      return /: Process \d+ attached/.test(said) || said
    })
    return laid
  }

  /** The calls that failed so far, as strace wrote them. */
  get injected(): string[] {
    if (!existsSync(this.#trace)) return []
    return readFileSync(this.#trace, 'utf8')
      .split('\n')
      .filter(line => line.endsWith('(INJECTED)'))
  }

  /** Ends the fault: the process goes on untraced. */
  async lift(): Promise<void> {
    if (this.#strace.exitCode === null && this.#strace.signalCode === null) {
      this.#strace.kill('SIGINT')
      await this.#ended
    }
  }
}

/** The files that are in a data directory or may come, other than LevelDB's own journal, whose failures it ignores. */
function pathsWithin(dataDir: string): string[] {
  const databases = ['db', 'lock'].map(name => join(dataDir, name))
  return [
    dataDir,
    ...['tallymesh.json', 'tallymesh.json.new'].map(name => join(dataDir, name)),
    ...databases.flatMap(database => {
      const numbers = existsSync(database)
        ? readdirSync(database).map(name => Number(/\d{6}/.exec(name)?.[0] ?? 0))
        : []
      const last = Math.max(0, ...numbers)
      const first = Math.max(1, last - 20)
      const files = Array.from({ length: last - first + NEW_FILES_MAX }, (_, i) => `${first + i}`.padStart(6, '0'))
      const names = files.flatMap(number => [`${number}.log`, `${number}.ldb`, `${number}.dbtmp`, `MANIFEST-${number}`])
      return [database, ...['CURRENT', 'LOCK', ...names].map(name => join(database, name))]
    }),
  ]
}
