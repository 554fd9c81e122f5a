import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ChildLog } from '../../src/cluster/child-log.js'
import { type ChildWord, ChildWords } from '../../src/cluster/child-words.js'

const test = suite('child log')

function inDirectory(use: (dir: string) => void): () => void {
  return () => {
    const dir = mkdtempSync(join(tmpdir(), 'tallymesh-log-'))
    try {
      use(dir)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

test(
  'two files of bounded size hold the last of what was written, across restarts',
  inDirectory(dir => {
    const file = join(dir, 'a.log')
    for (let run = 0; run < 2; run++) {
      const log = new ChildLog(file, 40)
      for (let i = 0; i < 5; i++) log.write(Buffer.from(`line ${run} ${i} ....\n`))
      log.close()
    }
    assert.equal(readdirSync(dir).sort(), ['a.log', 'a.log.1'])
    const both = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')
    assert.is(both, 'line 1 1 ....\nline 1 2 ....\nline 1 3 ....\nline 1 4 ....\n'.slice(14 * (4 - both.length / 14)))
    assert.ok(readFileSync(file).length <= 40 && readFileSync(`${file}.1`).length <= 40)
  }),
)

test(
  'a log that cannot be written disturbs nobody',
  inDirectory(dir => {
    const log = new ChildLog(join(dir, 'missing', 'a.log'))
    log.write(Buffer.from('lost\n'))
    log.close()
    assert.equal(readdirSync(dir), [])
  }),
)

/** What is passed on of some output, and what was the last error. */
function words(...chunks: readonly (string | Buffer)[]): { said: ChildWord[]; lastError: string | undefined } {
  const said: ChildWord[] = []
  const listener = new ChildWords(word => said.push(word))
  for (const chunk of chunks) listener.take(Buffer.from(chunk), 5_000)
  return { said, lastError: listener.lastError }
}

test('warnings and errors of pino are picked out, whole lines only', () => {
  const { said, lastError } = words(
    '{"level":30,"msg":"ready"}\n{"level":40,"msg":"slow"}\n{"level":5',
    '0,"code":"STORE_CORRUPT","msg":"damaged"}\nplain text\n{"level":"warn","msg":"named"}\n',
    '{"level":60,"err":{"message":"the end","code":"NOT_READY"}}\n',
  )
  assert.equal(said, [
    { level: 'warn', text: 'slow' },
    { level: 'error', text: 'STORE_CORRUPT: damaged' },
    { level: 'warn', text: 'named' },
    { level: 'error', text: 'NOT_READY: the end' },
  ])
  assert.is(lastError, 'NOT_READY: the end')
})

test('a plain line about an error is kept for the end, not passed on', () => {
  const { said, lastError } = words('TypeError: x is not a function\n    at main.js:3\n')
  assert.equal(said, [])
  assert.is(lastError, 'TypeError: x is not a function')
})

test('a flood is cut, and so is an endless line', () => {
  assert.is(words(...Array<string>(50).fill('{"level":40,"msg":"again"}\n')).said.length, 10)
  const endless = words('x'.repeat(100_000), 'y'.repeat(100_000), '\n{"level":40,"msg":"after"}\n')
  assert.equal(endless.said, [{ level: 'warn', text: 'after' }])
})

test('characters that are cut between two chunks stay whole, damaged JSON is passed over', () => {
  const bytes = Buffer.from('{"level":40,"msg":"größer"}\n{"level":50,\n{"level":40}\n')
  const at = bytes.indexOf(0xc3) + 1
  const { said } = words(bytes.subarray(0, at), bytes.subarray(at))
  assert.equal(said, [
    { level: 'warn', text: 'größer' },
    { level: 'warn', text: '{"level":40}' },
  ])
})

test.run()
