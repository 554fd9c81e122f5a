import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The sources: this file is compiled to test/dist/fuzz/failures.js. */
export const FUZZ_DIR = fileURLToPath(new URL('../../fuzz/', import.meta.url))

const INLINE_BYTES_MAX = 400

export interface KnownFailure {
  readonly file: string
  readonly bytes: Uint8Array
}

/** The inputs that once failed for a target, oldest names first. A file holds hexadecimal digits; white space, and what
 *  stands behind `#` in a line, say nothing. */
export function knownFailures(target: string): KnownFailure[] {
  const dir = join(FUZZ_DIR, 'failures', target)
  if (!existsSync(dir)) return []
  const files = readdirSync(dir).filter(name => name.endsWith('.hex'))
  return files.sort().map(name => ({ file: name, bytes: parseHex(readFileSync(join(dir, name), 'utf8')) }))
}

/** @throws Error where the text holds something else than whole bytes */
export function parseHex(text: string): Uint8Array {
  const digits = text.replace(/#.*$/gm, '').replace(/\s+/g, '')
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new Error('an input must be written as hexadecimal digits')
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

/** An input as it is given to a run: digits, or the path of a file that holds them. */
export function givenInput(text: string): Uint8Array {
  return parseHex(existsSync(text) ? readFileSync(text, 'utf8') : text)
}

/** Writes an input that failed where it can be fetched from. Answers the path. */
export function keepFailure(target: string, bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), 'tallymesh-fuzz-failure-')), `${target}.hex`)
  writeFileSync(path, `${Buffer.from(bytes).toString('hex')}\n`)
  return path
}

/** @param seed of the whole run, where the input does not fail by itself */
export function repeatCommand(target: string, bytes: Uint8Array, path: string, seed: number | undefined): string {
  const input = bytes.length <= INLINE_BYTES_MAX ? Buffer.from(bytes).toString('hex') : path
  const given = seed === undefined ? `FUZZ_INPUT=${input}` : `FUZZ_SEED=${seed}`
  return `FUZZ_TARGET=${target} ${given} node test/dist/run/main.js --no-coverage test/fuzz/fuzz.test`
}
