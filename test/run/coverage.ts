import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { runProcess } from './run-process.js'

const REPORT_MS_MAX = 300_000

/** Coverage of the packages in one run, measured by V8 in every process below the runner and reported by c8.
 *  What is measured and which thresholds hold stands in `.c8rc.json`. */
export class Coverage {
  /** Where processes leave what they measured; handed to them as NODE_V8_COVERAGE. */
  readonly dir: string

  constructor(readonly root: string) {
    mkdirSync(join(root, 'coverage'), { recursive: true })
    this.dir = mkdtempSync(join(root, 'coverage', 'run-'))
  }

  /** Prints the table. Answers false where `check` is set and a threshold is missed, or where the report fails. */
  async report({ check, print }: { check: boolean; print: (text: string) => void }): Promise<boolean> {
    const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')
    const config = join(this.root, '.c8rc.json')
    const args = [c8, 'report', '--config', config, '--temp-directory', this.dir, `--check-coverage=${check}`]
    for (const path of withoutCode(this.root)) args.push('--exclude', path)
    try {
      const env = { ...process.env, NODE_V8_COVERAGE: '' }
      const { ending, output } = await runProcess({ args, cwd: this.root, env, deadlineMs: REPORT_MS_MAX })
      print(`\n${output.trimEnd()}\n`)
      if (ending.code !== 0)
        print(check ? 'FAIL coverage is below its thresholds\n' : 'FAIL coverage cannot be reported\n')
      return ending.code === 0
    } finally {
      rmSync(this.dir, { recursive: true, force: true })
    }
  }
}

/** Compiled files that hold nothing to run: those of types alone, which nobody loads, and those whose source is gone. */
export function withoutCode(root: string): string[] {
  const projects = readdirSync(join(root, 'packages')).filter(name =>
    existsSync(join(root, 'packages', name, 'dist/src')),
  )
  return projects.flatMap(name => {
    const compiled = readdirSync(join(root, 'packages', name, 'dist/src'), { recursive: true, encoding: 'utf8' })
    return compiled
      .filter(path => path.endsWith('.js'))
      .filter(path => {
        const source = join(root, 'packages', name, 'src', path.replace(/\.js$/, '.ts'))
        return !existsSync(source) || isEmpty(readFileSync(join(root, 'packages', name, 'dist/src', path), 'utf8'))
      })
      .map(path => `packages/${name}/dist/src/${path.replaceAll('\\', '/')}`)
  })
}

function isEmpty(javascript: string): boolean {
  const code = javascript.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').replace('export {};', '')
  return code.trim() === ''
}
