import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A test file, found by its source. */
export interface TestFile {
  /** The path of the source below the root, with `/`. */
  readonly source: string
  /** The absolute path of what it compiles to. */
  readonly compiled: string
  readonly deadlineMs: number
  /** Files of one group may share a process; the name of a group is the beginning of their paths. */
  readonly group: string
}

const HEAD_LINES_MAX = 10

/** Finds `packages/x/test/**.test.ts` and `test/**.test.ts` below `root`, in order of their paths. Output of a source that is
 *  gone is never looked at.
 *  @param deadlineMs the deadline of a file that does not ask for a longer one by a comment `// deadline: 300 s` in its
 *    first ten lines */
export function findTests(root: string, deadlineMs: number): TestFile[] {
  const projects = namesIn(join(root, 'packages')).map(name => ({ dir: `packages/${name}`, tests: 'test' }))
  const found: TestFile[] = []
  for (const { dir, tests } of [...projects, { dir: 'test', tests: '' }]) {
    for (const path of walk(join(root, dir, tests))) {
      if (!path.endsWith('.test.ts')) continue
      const inside = tests === '' ? path : `${tests}/${path}`
      const source = `${dir}/${inside}`
      const text = readFileSync(join(root, source), 'utf8')
      found.push({
        source,
        compiled: join(root, dir, 'dist', inside.replace(/\.ts$/, '.js')),
        deadlineMs: readDeadline(text, deadlineMs),
        group: groupOf(source, text),
      })
    }
  }
  return found.sort((a, b) => (a.source < b.source ? -1 : 1))
}

/** The deadline that a source asks for, or the usual one where that is longer. */
export function readDeadline(source: string, usualMs: number): number {
  return Math.max(usualMs, Number(readHead(source, /^\/\/ deadline: (\d+) s$/) ?? 0) * 1000)
}

/** The project or directory of a file; its own path where a comment `// alone: why` in its first ten lines asks for that. */
function groupOf(path: string, source: string): string {
  return readHead(source, /^\/\/ alone: (.+)$/) === undefined ? path.split('/').slice(0, 2).join('/') : path
}

function readHead(source: string, pattern: RegExp): string | undefined {
  const lines = source.split('\n').slice(0, HEAD_LINES_MAX)
  return lines.map(line => pattern.exec(line)?.[1]).find(found => found !== undefined)
}

function walk(dir: string, prefix = ''): string[] {
  if (!existsSync(dir)) return []
  const paths: string[] = []
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || entry.name === 'dist' || entry.name === 'node_modules') continue
    if (entry.isDirectory()) paths.push(...walk(join(dir, entry.name), `${prefix}${entry.name}/`))
    else paths.push(prefix + entry.name)
  }
  return paths
}

function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : []
}
