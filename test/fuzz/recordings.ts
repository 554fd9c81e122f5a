import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame } from '@tallymesh/link'
import { FUZZ_DIR, parseHex } from './failures.js'

const FILE = join(FUZZ_DIR, 'recordings', 'room.hex')
const HEAD = `# The frames of a real room of three nodes, a line each: the kind, then the body.
# Written by: FUZZ_RECORD=1 node test/dist/run/main.js --no-coverage test/fuzz/recordings.test
`

/** The frames that were once recorded. @throws Error where there are none */
export function recordedFrames(): Frame[] {
  const lines = readFileSync(FILE, 'utf8').split('\n')
  const frames = lines.map(parseHex).filter(bytes => bytes.length > 0)
  if (frames.length === 0) throw new Error(`${FILE} holds no frame`)
  return frames.map(bytes => ({ kind: bytes[0] as number, body: bytes.subarray(1) }))
}

export function writeRecording(frames: readonly Frame[]): void {
  const lines = frames.map(
    ({ kind, body }) => `${kind.toString(16).padStart(2, '0')} ${Buffer.from(body).toString('hex')}\n`,
  )
  writeFileSync(FILE, HEAD + lines.join(''))
}
