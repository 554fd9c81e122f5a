import type { Frame } from '@tallymesh/link'
import { join, mutate } from './mutate.js'
import type { Prng } from './prng.js'

/** Frames one after the other in one input: three bytes for the length, the kind, the body. */
export function packFrames(frames: readonly Frame[]): Uint8Array {
  return join(
    ...frames.flatMap(({ kind, body }) => {
      const length = body.length + 1
      return [Uint8Array.of(length >>> 16, length >>> 8, length, kind), body]
    }),
  )
}

/** The frames of any bytes: what is cut off is shorter. */
export function unpackFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at + 3 < bytes.length; ) {
    const [high, middle, low] = bytes.subarray(at, at + 3) as unknown as [number, number, number]
    const end = at + 3 + Math.max(1, high * 65_536 + middle * 256 + low)
    frames.push({ kind: bytes[at + 3] as number, body: bytes.slice(at + 4, end) })
    at = end
  }
  return frames
}

/** Changes one frame, mostly its body, or the order of the frames. @param other makes a frame to take a part of */
export function mutateFrames(bytes: Uint8Array, prng: Prng, other: () => Frame): Uint8Array {
  const frames = unpackFrames(bytes)
  const at = prng.int(frames.length)
  const frame = frames[at]
  if (!frame || prng.chance(0.05)) return mutate(bytes, prng, () => packFrames([other()]))
  const way = prng.int(10)
  if (way < 7) frames[at] = { kind: frame.kind, body: mutate(frame.body, prng, () => other().body) }
  else if (way === 7) frames.splice(at, prng.int(2), frame, frame)
  else if (way === 8) frames.splice(prng.int(frames.length + 1), 0, ...frames.splice(at, 1))
  else frames[at] = { kind: prng.int(256), body: frame.body }
  return packFrames(frames)
}
