import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceFile } from './rules.js'

const TOPS = ['packages', 'test', 'demo', 'bench']
const GENERATED = new Set(['dist', 'node_modules', 'coverage', 'data'])

/** Every TypeScript source below `root`, by walking the directories: it works without git, too. */
export function sourceFiles(root: string): SourceFile[] {
  return TOPS.flatMap(top => walk(root, top)).map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function walk(root: string, dir: string): string[] {
  return readdirSync(join(root, dir), { withFileTypes: true }).flatMap(entry => {
    if (entry.name.startsWith('.') || GENERATED.has(entry.name)) return []
    const path = `${dir}/${entry.name}`
    if (entry.isDirectory()) return walk(root, path)
    return /\.[cm]?tsx?$/.test(entry.name) ? [path] : []
  })
}
