import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseHex } from './failures.js'
import { Fuzzer } from './fuzzer.js'
import { codeOf, Fault, type Outcome, type Target } from './target.js'
import { Watchdog } from './watchdog.js'

const fuzzer = suite('the fuzzer')

/** A target whose reader does this with every input. */
function reader(feed: (bytes: Uint8Array) => Outcome | Promise<Outcome>, changes: Partial<Target> = {}): Target {
  const open = () => ({ sample: () => Uint8Array.from({ length: 40 }, (_, at) => at), feed })
  return { name: 'planted', share: 1, codes: ['FRAME_DAMAGED'], open, ...changes }
}

/** What a run over a target fails with. */
async function failureOf(target: Target, inputs = 2_000): Promise<string> {
  const watchdog = new Watchdog()
  const run = new Fuzzer(target, 7, watchdog)
  try {
    await run.run(inputs)
    return ''
  } catch (error) {
    const { message } = error as Error
    const kept = /keep (\S+\.hex)/.exec(message)?.[1]
    assert.ok(kept, message)
    rmSync(dirname(kept), { recursive: true })
    return message
  } finally {
    await run.close()
    await watchdog.close()
  }
}

fuzzer('finds a crash, makes its input small, and says how to repeat it', async () => {
  const planted = (bytes: Uint8Array): Outcome => {
    if (bytes.includes(0xc0)) throw new RangeError('planted')
    return 'accepted'
  }
  const message = await failureOf(reader(planted))
  assert.match(message, /^planted, input \d+ of 2000, FUZZ_SEED=7: it crashed its reader: RangeError: planted/)
  assert.match(message, /\n {2}1 of \d+ bytes: c0\n/)
  assert.match(message, /FUZZ_TARGET=planted FUZZ_INPUT=c0 node /)
})

fuzzer('finds a broken promise that shows only after other inputs', async () => {
  let fed = 0
  const message = await failureOf(
    reader(() => {
      if (++fed === 100) throw new Fault('the hundredth')
      return 'accepted'
    }),
  )
  assert.match(message, /the hundredth\n {2}it fails only after the inputs before it/)
  assert.match(message, /FUZZ_TARGET=planted FUZZ_SEED=7 node /)
})

fuzzer('finds refusals of the wrong name, readers that write, and those that hold too much', async () => {
  assert.match(await failureOf(reader(() => 'INDETERMINATE')), /refused with INDETERMINATE/)
  const writes = (bytes: Uint8Array): Outcome => {
    if (bytes.length > 0) bytes[0] = (bytes[0] as number) ^ 1
    return 'accepted'
  }
  assert.match(await failureOf(reader(writes)), /it was changed by its reader/)
  const held: Uint8Array[] = []
  const holds = (): Outcome => {
    held.push(new Uint8Array(128 * 1024 * 1024))
    if (held.length > 2) held.length = 0
    return 'accepted'
  }
  assert.match(await failureOf(reader(holds)), /made the process hold \d+ bytes more/)
})

fuzzer('finds a reader that takes too long', async () => {
  const slow = (): Outcome => {
    const start = process.cpuUsage()
    while (process.cpuUsage(start).user < 20_000) Math.sqrt(2)
    return 'accepted'
  }
  assert.match(await failureOf(reader(slow, { inputMsMax: 5 }), 1), /it took \d+ ms of the processor, 5 are allowed/)
})

fuzzer('passes what keeps its promises, and calls only TallymeshErrors refusals', async () => {
  assert.is(await failureOf(reader(bytes => (bytes.length % 2 === 0 ? 'accepted' : 'FRAME_DAMAGED'))), '')
  assert.is(codeOf(new TallymeshError('FRAME_DAMAGED', 'planted')), 'FRAME_DAMAGED')
  assert.throws(() => codeOf(new RangeError('planted')), /planted/)
})

fuzzer('makes the same inputs of the same seed, and reads them back', async () => {
  const watchdog = new Watchdog()
  const [one, other, third] = [7, 7, 8].map(
    seed =>
      new Fuzzer(
        reader(() => 'accepted'),
        seed,
        watchdog,
      ),
  )
  const inputs = async (run: Fuzzer | undefined) =>
    Promise.all(Array.from({ length: 50 }, (_, number) => run?.input(number)))
  assert.equal(await inputs(one), await inputs(other))
  assert.not.equal(await inputs(one), await inputs(third))
  assert.equal(parseHex('# what it is\n00 ff\n0a # the end\n'), Uint8Array.of(0, 255, 10))
  assert.throws(() => parseHex('0'), /hexadecimal/)
  await watchdog.close()
})

fuzzer.run()
