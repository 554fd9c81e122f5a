import { decodeFrame, FRAME_BYTES_MAX } from '@tallymesh/link'
import { frameIsSealed, sealFrame } from '../checksums.js'
import { join } from '../mutate.js'
import type { Prng } from '../prng.js'
import { recordedFrames } from '../recordings.js'
import { decoded, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `decodeFrame`: every message of a link. */
export const frame: Target = {
  name: 'frame',
  share: 1_500,
  codes: ['FRAME_DAMAGED', 'FRAME_TOO_LARGE'],
  open: () => new FrameTarget(),
}

class FrameTarget implements OpenTarget {
  readonly #samples = recordedFrames().map(({ kind, body }) => sealFrame(join(Uint8Array.of(kind, 0, 0, 0, 0), body)))
  readonly #long = sealFrame(new Uint8Array(FRAME_BYTES_MAX))

  sample(prng: Prng): Uint8Array {
    return prng.chance(0.002) ? this.#long : prng.pick(this.#samples)
  }

  repair(bytes: Uint8Array): Uint8Array {
    return sealFrame(bytes)
  }

  feed(bytes: Uint8Array): Outcome {
    const result = decoded(() => decodeFrame(bytes))
    const right = bytes.length <= FRAME_BYTES_MAX && frameIsSealed(bytes)
    if ('code' in result) {
      must(!right, `a frame that is right was refused with ${result.code}`)
      return result.code
    }
    must(right, 'a frame whose checksum fails, or that is too long, was taken')
    const { kind, body } = result.made
    must(kind === bytes[0] && Buffer.from(body).equals(bytes.subarray(5)), 'a frame was read as another one')
    return 'accepted'
  }
}
