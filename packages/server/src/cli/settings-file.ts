import { readFileSync } from 'node:fs'
import { usageError } from './exit-code.js'

const BYTES_MAX = 1024 * 1024

/** A file of settings: one JSON object, its names those of the flags in camelCase. */
export interface SettingsFile {
  readonly path: string
  readonly settings: ReadonlyMap<string, unknown>
}

/** @throws CommandError (usage) that names the file */
export function readSettingsFile(path: string): SettingsFile {
  const text = readText(path, BYTES_MAX)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw usageError(`${path} is not JSON: ${(cause as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw usageError(`${path} must hold one JSON object, such as {"name": "a", "data": "./data/a"}`)
  }
  return { path, settings: new Map(Object.entries(json)) }
}

/** A small file that the user named. @throws CommandError (usage) that names the file */
export function readText(path: string, bytesMax: number): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw usageError(`${path} cannot be read: ${fileReason(cause)}`)
  }
  if (bytes.length > bytesMax) throw usageError(`${path} has ${bytes.length} bytes, at most ${bytesMax} are read`)
  return bytes.toString()
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EPIPE: 'the reader is gone',
}

/** Why a file could not be read or written, in words where the system only has a code. */
export function fileReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}
