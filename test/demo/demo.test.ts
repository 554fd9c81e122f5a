// deadline: 300 s
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const demo = suite('the demo')
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly text: string
}

async function run(...flags: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['demo/dist/main.js', ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
}

const EXACT = /^PASSED {2}exact: \d+ operations acknowledged, lost 0, doubled 0, all nodes agree$/m

demo('while a node is killed every request counts exactly once', async () => {
  const { code, text } = await run('--seconds', '4', '--faults', 'kill', '--lb', 'client', '--seed', '1')
  assert.match(text, EXACT)
  assert.match(text, /kill +api-\d/)
  assert.is(code, 0, text)
})

demo('a node that loses its disk loses nothing that was acknowledged, and takes operations again', async () => {
  const { code, text } = await run('--seconds', '4', '--faults', 'wipe', '--lb', 'client', '--seed', '1')
  assert.match(text, EXACT)
  assert.match(text, /api-\d takes operations again, under a fresh id/)
  assert.is(code, 0, text)
})

demo('of a node that drains nobody notices anything', async () => {
  const { code, text } = await run('--nodes', '2', '--seconds', '4', '--faults', 'drain', '--seed', '1')
  assert.match(text, EXACT)
  assert.match(text, /drain +api-\d.* 0 +gone after/)
  assert.is(code, 0, text)
})

demo('an interrupt ends it at once and leaves nothing behind', async () => {
  const child = spawn(process.execPath, ['demo/dist/main.js', '--nodes', '2', '--seconds', '60', '--lb', 'client'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
    if (/all nodes are ready/.test(text)) child.kill('SIGINT')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  assert.is(code, 130, text)
  const directory = /data in (\S+)/.exec(text)?.[1] ?? ''
  assert.match(directory, /tallymesh-demo-/)
  assert.not(existsSync(directory))
})

for (const kind of ['lost', 'doubled']) {
  demo(`the verdict of a real run can fail: ${kind}`, async () => {
    const { code, text } = await run(
      '--nodes',
      '1',
      '--seconds',
      '3',
      '--faults',
      'none',
      '--lb',
      'client',
      '--plant',
      kind,
    )
    assert.match(text, kind === 'lost' ? /FAILED .*lost 1, doubled 0/ : /FAILED .*lost 0, doubled 1/)
    assert.is(code, 1, text)
  })
}

demo('a wrong flag is exit code 2 and one line', async () => {
  const { code, text } = await run('--nodes', '10')
  assert.equal(text.trim().split('\n').length, 1)
  assert.is(code, 2)
})

demo.run()
