import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TallymeshError } from '@tallymesh/crdt'
import { openLevelStore } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { contentAfter, contentOf, sameContent } from './history.js'
import { seeded } from './random.js'
import { temporary } from './temporary.js'

const SEED = Number(process.env.SEED ?? 23)
const WRITER = fileURLToPath(new URL('./writer.js', import.meta.url))
const test = suite('a LevelDB store and its process')

interface Writer {
  readonly child: ChildProcess
  /** Every line so far. */
  readonly lines: string[]
  /** Resolves with the line that makes so many. */
  line(count: number): Promise<string>
  readonly ended: Promise<void>
}

function startWriter(dir: string): Writer {
  const child = spawn(process.execPath, [WRITER, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting: { count: number; resolve(line: string): void }[] = []
  const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  reader.on('line', line => {
    lines.push(line)
    for (const { count, resolve } of waiting) if (lines.length >= count) resolve(line)
  })
  const ended = new Promise<void>(resolve => reader.on('close', resolve))
  return { child, lines, line: count => new Promise(resolve => waiting.push({ count, resolve })), ended }
}

test('SIGKILL loses nothing that was acknowledged, round after round', async () => {
  const { path, remove } = temporary()
  const random = seeded(SEED)
  let before = 0
  for (let round = 0; round < 8; round++) {
    const writer = startWriter(path)
    await writer.line(2 + Math.floor(random() * 400))
    writer.child.kill('SIGKILL')
    await writer.ended
    const acknowledged = Math.max(before, ...writer.lines.slice(1).map(Number))
    const store = await openLevelStore({ dir: path, room: 'shop' })
    const last = store.lastCommit?.number as number
    assert.equal(store.damage, [])
    assert.ok(last >= acknowledged, `${acknowledged} was acknowledged, ${last} is stored: SEED=${SEED}, round ${round}`)
    assert.ok(sameContent((await contentOf(store)).logs, contentAfter(last)), `SEED=${SEED}, round ${round}`)
    await store.close()
    before = last
  }
  remove()
})

test('a second process is refused, even after this one was refused itself', async () => {
  const { path, remove } = temporary()
  const store = await openLevelStore({ dir: path, room: 'shop' })
  assert.is((await refusal(path))?.code, 'STORE_LOCKED')
  const writer = startWriter(path)
  assert.is(await writer.line(1), 'STORE_LOCKED')
  await writer.ended
  await store.close()
  const next = startWriter(path)
  assert.is(await next.line(1), 'open')
  const refused = await refusal(path)
  assert.is(refused?.code, 'STORE_LOCKED')
  assert.match(refused?.message ?? '', new RegExp(`${path} is open already`))
  next.child.kill('SIGKILL')
  await next.ended
  await (await openLevelStore({ dir: path, room: 'shop' })).close()
  remove()
})

async function refusal(dir: string): Promise<TallymeshError | undefined> {
  try {
    await (await openLevelStore({ dir, room: 'shop' })).close()
    return undefined
  } catch (error) {
    return error as TallymeshError
  }
}

test.run()
