import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { post, ServerLab } from '../lab.js'
import { tallymesh } from './cli-process.js'
import { command } from './command-line.js'

const lab = new ServerLab()
const dir = lab.path
const data = join(dir, 'a')
const verify = suite('tallymesh verify')

verify.after(() => lab.close())

verify('reports a whole directory, and changes nothing in it', async () => {
  const node = await lab.start('a', { room: 'shop' })
  await post(node, '/v1/counters/orders', { add: 3 })
  await post(node, '/v1/counters/stock', { add: -3 })
  const locked = await tallymesh(['verify', '--data', data])
  assert.equal([locked.code, /\(STORE_LOCKED\)/.test(locked.err)], [6, true], locked.err)
  await node.close()
  const files = () => readFiles(data)
  const before = files()
  const { code, out, err } = await tallymesh(['verify', '--data', data, '--room', 'shop'])
  assert.equal([code, err], [0, ''])
  assert.match(
    out,
    /^.*: store [0-9a-f]{32} of room shop\n2 counters in 2 slots of 1 log, \d+ commits, \d+ bytes on disk\nwhole: /,
  )
  assert.equal(files(), before)
  const json = JSON.parse((await command(['verify', '--json'], { TALLYMESH_DATA: data })).out)
  assert.equal([json.keys, json.damage], [2, []])
})

verify('refuses another room, and what is no data directory', async () => {
  const cases = [
    [['--data', data, '--room', 'bank'], 6, /\(STORE_WRONG_ROOM\)/],
    [['--data', join(dir, 'missing')], 6, /\(STORE_UNUSABLE\)/],
    [[], 2, /--data must name the data directory/],
  ] as const
  for (const [args, exit, message] of cases) {
    const { code, err } = await command(['verify', ...args])
    assert.is(code, exit, err)
    assert.match(err, message)
  }
})

verify('says what is damaged, and what to do', async () => {
  const copy = join(dir, 'damaged')
  cpSync(data, copy, { recursive: true })
  for (const path of tree(copy).filter(path => /\.(?:log|ldb)$/.test(path))) {
    const bytes = readFileSync(path)
    if (bytes.length < 100) continue
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1)
    writeFileSync(path, bytes)
  }
  const { code, out } = await tallymesh(['verify', '--data', copy])
  assert.is(code, 6)
  assert.match(out, /damaged in \d+ places?:\n {2}\S/)
  assert.match(out, /What to do: copy the directory away first/)
  const json = await command(['verify', '--data', copy, '--json'])
  assert.equal([json.code, JSON.parse(json.out).damage.length > 0], [6, true])
  const start = await tallymesh(['start', '--name', 'a', '--data', copy, '--room', 'shop', '--listen', '127.0.0.1:0'])
  assert.equal([start.code, /\(STORE_CORRUPT\)/.test(start.err)], [6, true], start.err)
})

function tree(root: string): string[] {
  return readdirSync(root, { withFileTypes: true }).flatMap(entry => {
    const path = join(root, entry.name)
    return entry.isDirectory() ? tree(path) : [path]
  })
}

function readFiles(root: string): [string, string][] {
  return tree(root).map(path => [path, readFileSync(path).toString('base64')])
}

verify.run()
