import { decodeHello } from '@tallymesh/link'
import { decodeMessage, KIND } from '@tallymesh/replica'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { recordRoom } from './record-room.js'
import { recordedFrames, writeRecording } from './recordings.js'

const recordings = suite('recorded traffic')

const HELLO = 1
const { FUZZ_RECORD } = process.env

recordings('holds frames of every kind, and each can still be read', () => {
  const fresh = recordRoom()
  if (FUZZ_RECORD === '1') writeRecording(fresh)
  const frames = recordedFrames()
  for (const { kind, body } of [...frames, ...fresh]) {
    if (kind === HELLO) assert.is(decodeHello(body).room, 'shop')
    else decodeMessage(kind, body)
  }
  const kinds = [HELLO, ...Object.values(KIND)].sort((a, b) => a - b)
  for (const recorded of [frames, fresh]) {
    assert.equal(
      [...new Set(recorded.map(({ kind }) => kind))].sort((a, b) => a - b),
      kinds,
    )
  }
})

recordings.run()
