import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTests } from './run-tests.js'

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url))
/** Enough to start a process on a busy machine, and short enough for a test that waits for it. */
const TRAP_DEADLINE_MS = 20_000

/** A tree of sources and compiled output in which one can run the runner. It lies below the repository so that uvu is found. */
export class TrapTree {
  readonly root: string

  constructor() {
    mkdirSync(join(REPOSITORY, '.tmp'), { recursive: true })
    this.root = mkdtempSync(join(REPOSITORY, '.tmp', 'traps-'))
    this.write('package.json', '{ "type": "module" }')
  }

  /** Adds the test file `packages/x/test/NAME.test.ts`, as source and compiled. */
  test(name: string, body: string): void {
    const text = `import { suite, test } from 'uvu'\nimport * as assert from 'uvu/assert'\n${body}\n`
    this.write(`packages/x/test/${name}.test.ts`, body)
    this.write(`packages/x/dist/test/${name}.test.js`, text)
  }

  write(path: string, text: string): void {
    const file = join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  /** Runs the runner without coverage; answers its exit code, its report and its last line. */
  async run(args: string[] = [], options: { env?: NodeJS.ProcessEnv; deadlineMs?: number } = {}): Promise<Report> {
    let text = ''
    const { REQUIRE_ALL: _outer, ...env } = process.env
    const code = await runTests({
      root: this.root,
      args: ['--no-coverage', ...args],
      env: { ...env, ...options.env },
      deadlineMs: options.deadlineMs ?? TRAP_DEADLINE_MS,
      print: piece => {
        text += piece
      },
    })
    return { code, text, last: text.trimEnd().split('\n').at(-1) ?? '' }
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

export interface Report {
  readonly code: number
  readonly text: string
  readonly last: string
}
