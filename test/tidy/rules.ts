import { importsOf, lineAt, type SourceViews, splitSource } from './source-text.js'

/** A file of the tree by its path below the root, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Finds breaches in one file: each a place and a sentence. */
type Rule = (path: string, source: SourceViews) => string[]

const SOURCE_LINES_MAX = 300
const PURE = /^packages\/(?:crdt|replica)\/src\//
const CLOCKLESS = /^packages\/(?:crdt|replica|link|store)\/src\//
const SHORT = /^(?:packages\/[^/]+\/src|demo)\//
const DRAWER = /(?:^|\/)(?:utils?|helpers?|common|misc)(?:\.[^/]*)?$/

/** Which tallymesh packages a package may import. Demo, test and bench may import all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  crdt: [],
  replica: ['@tallymesh/crdt'],
  store: ['@tallymesh/crdt'],
  link: ['@tallymesh/crdt'],
  node: ['@tallymesh/crdt', '@tallymesh/replica', '@tallymesh/store', '@tallymesh/link'],
  client: [],
  server: ['tallymesh', '@tallymesh/crdt', '@tallymesh/client'],
}

/** All breaches of the rules in a TypeScript file, `path:line: sentence` each. */
export function checkFile(file: SourceFile): string[] {
  const source = splitSource(file.text)
  return RULES.flatMap(rule => rule(file.path, source)).map(breach => `${file.path}${breach}`)
}

const RULES: readonly Rule[] = [
  inCode(
    /.*/,
    /(?:[:<,|&]\s*|\bas\s+)any\b(?!\s*[(:.=])/g,
    'the type any switches checking off; use unknown or the real type',
  ),
  inCode(/.*/, /\.only\s*\(/g, 'a leftover .only leaves out the other tests'),
  inComments(/@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore/g, 'a checker is silenced; repair what it found'),
  inComments(/\b(?:TODO|FIXME|XXX)\b/g, 'an open end; do it, or write it down where work is planned'),
  inCode(PURE, /\bMath\s*\.\s*random\b/g, 'randomness is handed in'),
  inCode(PURE, /\bnew\s+Date\b|\bperformance\s*\.\s*now\b/g, 'time is an input'),
  inCode(CLOCKLESS, /\bDate\s*\.\s*now\b/g, 'time is an input'),
  inCode(PURE, /(?<![.#\w])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g, 'a pure package has no timers'),
  inCode(PURE, /(?<![.#\w])crypto\b/g, 'randomness is handed in'),
  checkImports,
  checkLength,
  checkName,
  checkSuites,
]

function inCode(where: RegExp, pattern: RegExp, sentence: string): Rule {
  return (path, source) => (where.test(path) ? found(source.code, pattern, sentence) : [])
}

function inComments(pattern: RegExp, sentence: string): Rule {
  return (_path, source) => found(source.comments, pattern, sentence)
}

function found(text: string, pattern: RegExp, sentence: string): string[] {
  return [...text.matchAll(pattern)].map(match => `:${lineAt(text, match.index)}: ${match[0].trim()}: ${sentence}`)
}

function checkImports(path: string, source: SourceViews): string[] {
  return importsOf(source).flatMap(({ name, line }) => {
    const sentence = badImport(path, name)
    return sentence === undefined ? [] : [`:${line}: import of ${name}: ${sentence}`]
  })
}

function badImport(path: string, name: string): string | undefined {
  if (PURE.test(path) && (name.startsWith('node:') || name === 'crypto')) return 'a pure package does no I/O'
  const project = /^packages\/[^/]+|^[^/]+/.exec(path)?.[0] as string
  if (name.startsWith('.')) {
    const target = new URL(name, `file:///${path}`).pathname.slice(1)
    const depth = path.split('/').length - 1
    const ups = name.split('/').filter(part => part === '..').length
    return ups < depth && target.startsWith(`${project}/`) ? undefined : `it escapes ${project}`
  }
  const allowed = MAY_IMPORT[project.slice('packages/'.length)]
  if (!project.startsWith('packages/') || !/^(?:@tallymesh\/|tallymesh(?:\/|$))/.test(name)) return undefined
  if (allowed === undefined) return `which packages ${project} may import is not written down in test/tidy/rules.ts`
  const from = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : 'tallymesh'
  const itself = project === 'packages/node' ? 'tallymesh' : `@tallymesh/${project.slice('packages/'.length)}`
  return allowed.includes(from) || from === itself ? undefined : 'imports point down only'
}

function checkLength(path: string, source: SourceViews): string[] {
  const lines = source.raw.trimEnd().split('\n').length
  if (!SHORT.test(path) || lines <= SOURCE_LINES_MAX) return []
  return [`:${lines}: ${lines} lines, at most ${SOURCE_LINES_MAX}; split it by noun`]
}

function checkName(path: string): string[] {
  return DRAWER.test(path.replace(/\.d\.ts$|\.test\.ts$/, '.ts')) ? [':1: a drawer; name the file by its noun'] : []
}

function checkSuites(path: string, source: SourceViews): string[] {
  if (!path.endsWith('.test.ts')) return []
  const uvu = importsOf(source).some(({ name }) => name === 'uvu')
  const suites = [...source.code.matchAll(/\b(?:const|let)\s+(\w+)\s*=\s*suite\b/g)].map(match => match[1] as string)
  if (uvu && /\bimport\s*(?:type\s*)?\{[^}]*\btest\b[^}]*\}/.test(source.code)) suites.push('test')
  return suites
    .filter(name => !new RegExp(`\\b${name}\\s*\\.\\s*run\\s*\\(`).test(source.code))
    .map(name => `:1: the suite ${name} is never run; end the file with ${name}.run()`)
}
