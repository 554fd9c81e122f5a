import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROGRAM } from '../program.js'

const DEADLINE_MS = 30_000
const POLL_MS = 5

export interface Ran {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly input?: string
}

/** Runs a command to its end. */
export async function tallymesh(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const program = new CliProcess(args, options)
  program.child.stdin?.end(options.input ?? '')
  return program.ended()
}

/** Runs a line of bash to its end; `tallymesh` in it is the real program. */
export async function bash(line: string, options: RunOptions = {}): Promise<Ran> {
  const call = `tallymesh() { '${process.execPath}' '${PROGRAM}' "$@"; }\n${line}`
  return new CliProcess([], options, ['bash', '-c', call]).ended()
}

/** A running command. */
export class CliProcess {
  readonly child: ChildProcess
  out = ''
  err = ''
  #ran: Ran | undefined

  constructor(args: readonly string[], { env, cwd }: RunOptions = {}, command = [process.execPath, PROGRAM, ...args]) {
    const options: SpawnOptions = {
      env: { ...cleanEnv(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd ? { cwd } : {}),
    }
    const [program, ...rest] = command
    this.child = spawn(program as string, rest, options)
    // An escape of a terminal is kept as a visible character: it would not be seen in a message.
    this.child.stdout?.setEncoding('utf8').on('data', text => (this.out += text.replaceAll('\x1b', '␛')))
    this.child.stderr?.setEncoding('utf8').on('data', text => (this.err += text))
    this.child.stdin?.on('error', () => {})
    this.child.on('close', (code, signal) => {
      this.#ran = { code: code ?? undefined, signal: signal ?? undefined, out: this.out, err: this.err }
    })
    running.add(this)
  }

  get done(): boolean {
    return this.#ran !== undefined
  }

  async ended(): Promise<Ran> {
    await until(
      `the end of ${this.child.spawnargs.join(' ')}`,
      () => this.done,
      () => this.out + this.err,
    )
    running.delete(this)
    return this.#ran as Ran
  }

  /** Waits until it has printed something. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    const said = () => pattern.exec(this.out) ?? pattern.exec(this.err)
    await until(
      `${pattern}`,
      () => said() !== null || this.done,
      () => this.out + this.err,
    )
    const found = said()
    if (!found) throw new Error(`it ended without ${pattern}:\n${this.out}${this.err}`)
    return found
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

const running = new Set<CliProcess>()
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL')
})

/** Ends what a failed test left running. */
export async function endAll(): Promise<void> {
  for (const program of running) {
    program.signal('SIGKILL')
    await program.ended()
  }
}

/** A node that runs and is ready. */
export class RunningNode {
  private constructor(
    readonly program: CliProcess,
    readonly url: string,
    readonly name: string,
    readonly dir: string,
  ) {}

  /** What peers dial. */
  get peer(): string {
    return this.url.replace(/^http/, 'ws')
  }

  static async start(
    name: string,
    dir: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<RunningNode> {
    const program = new CliProcess([...startArgs(name, dir), ...args], options)
    const [, url] = await program.says(/ready: node .* at (https?:\/\/[^\s"]+)/)
    return new RunningNode(program, url as string, name, dir)
  }

  /** Runs a command against it. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return tallymesh(args, { ...options, env: { TALLYMESH_URL: this.url, ...options.env } })
  }

  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ran> {
    this.program.signal(signal)
    return this.program.ended()
  }
}

/** What every node of the tests is started with. */
export function startArgs(name: string, dir: string): string[] {
  const times = ['--close-timeout-ms', '200', '--drain-ms', '50', '--heartbeat-ms', '50', '--anti-entropy-ms', '50']
  return [
    'start',
    '--name',
    name,
    '--data',
    join(dir, name),
    '--listen',
    '127.0.0.1:0',
    '--runtime-dir',
    join(dir, 'run'),
    ...times,
  ]
}

/** A directory that is removed at the end of the test process. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-cli-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  context = () => '',
): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${DEADLINE_MS} ms in vain for ${what}\n${context()}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** The environment without what would change a command. */
export function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^TALLYMESH_|^NO_COLOR$|^FORCE_COLOR$/.test(name)),
  )
}
