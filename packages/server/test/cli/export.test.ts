import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { TallymeshServer } from '../../src/server.js'
import { post, ServerLab } from '../lab.js'
import { bash, CliProcess, endAll, tallymesh, until } from './cli-process.js'
import { commandsOf } from './command-line.js'
import { OddServer } from './odd-server.js'
import { hasTerminal, onTerminal } from './terminal.js'

const KEYS = 1_500
const lab = new ServerLab()
const dir = lab.path
const path = join(dir, 'shop.ndjson')
let node: TallymeshServer
const run = commandsOf(() => node)
const exported = suite('tallymesh export and import')

exported.before(async () => {
  node = await lab.start('a', { room: 'shop' })
  const adds = Array.from({ length: KEYS }, (_, at) => ({ key: `key-${at}{label="日本"}`, add: at % 2 === 0 ? 7 : -3 }))
  const { status, text } = await post(node, '/v1/counters', adds)
  assert.is(status, 200, text)
})
exported.after(async () => {
  await endAll()
  await lab.close()
})

exported('goes to a file that appears whole, and to stdout', async () => {
  writeFileSync(path, 'an older one', { mode: 0o644 })
  const { code, out, err } = await run(['export', '--out', path])
  assert.equal([code, out], [0, ''], err)
  assert.match(err, new RegExp(`^${KEYS} slots of room shop, as node a holds them, are in .*shop.ndjson\n$`))
  assert.is(statSync(path).mode & 0o777, 0o600)
  const piped = await tallymesh(['export', '--url', node.url])
  const slots = (text: string) => text.split('\n').slice(1)
  assert.equal([piped.code, piped.err], [0, ''])
  assert.equal(slots(piped.out), slots(readFileSync(path, 'utf8')))
  assert.is(slots(piped.out).length, KEYS + 2)
})

exported('is imported once, whatever the room holds already', async () => {
  const again = await run(['import', path])
  assert.equal([again.code, again.err], [0, ''])
  assert.match(
    again.out,
    new RegExp(`^${KEYS} slots of room shop, exported at .*: 0 changed, the others were known already\n$`),
  )
  const other = await lab.start('b', { room: 'shop' })
  const there = commandsOf(() => other)
  const first = await there(['import', path, '--json'])
  assert.equal(JSON.parse(first.out), { slots: KEYS, changed: KEYS })
  assert.equal(JSON.parse((await there(['import', path, '--json'])).out), { slots: KEYS, changed: 0 })
  assert.is((await there(['get', 'key-0{label="日本"}'])).out, '7\n')
  assert.is((await there(['get', 'key-1{label="日本"}'])).out, '-3\n')
})

exported('is refused where it is damaged, of another room, or no file', async () => {
  const damaged = join(dir, 'damaged.ndjson')
  writeFileSync(damaged, readFileSync(path, 'utf8').replace('"increments":7', '"increments":8'))
  const cases = [
    [['import', damaged], 1, /damaged.ndjson is damaged: its slots do not match their SHA-256/],
    [['import', join(dir, 'no.ndjson')], 2, /no.ndjson cannot be read: it does not exist/],
    [['import', dir], 2, /cannot be read: it is a directory/],
    [['export', '--out', dir], 1, /it is a directory/],
    [['export', '--out', '/dev/null'], 1, /it is no regular file/],
    [['export', '--out', join(dir, 'no', 'file')], 1, /cannot be written: it does not exist/],
  ] as const
  for (const [args, exit, message] of cases) {
    const { code, err } = await run(args)
    assert.is(code, exit, err)
    assert.match(err, message)
  }
  const unnamed = await tallymesh(['import'])
  assert.equal([unnamed.code, /missing required argument 'FILE'/.test(unnamed.err)], [2, true], unnamed.err)
  const bank = await lab.start('bank', { room: 'bank' })
  const wrong = await tallymesh(['import', path, '--url', bank.url])
  assert.equal([wrong.code, /\(EXPORT_WRONG_ROOM\)/.test(wrong.err)], [3, true], wrong.err)
})

exported('leaves no file where the export breaks off, and says that it did', async () => {
  const [head, slot] = readFileSync(path, 'utf8').split('\n')
  const out = join(dir, 'broken.ndjson')
  const cut = async (breaks: 'within' | undefined, exit: number, message: RegExp) => {
    const type = 'application/x-ndjson'
    const odd = await OddServer.start({ status: 200, type, body: `${head}\n${slot}\n`, ...(breaks ? { breaks } : {}) })
    for (const target of [['--out', out], []]) {
      const { code, err } = await run(['export', ...target, '--url', odd.url])
      assert.is(code, exit, err)
      assert.match(err, message)
    }
    odd.close()
  }
  await cut('within', 4, /the export of .* broke off: the connection was closed/)
  await cut(undefined, 1, /is damaged: it breaks off after 1 slot/)
  assert.is(existsSync(out), false)
})

exported('leaves no file where it is interrupted or nothing comes', async () => {
  const out = join(dir, 'interrupted.ndjson')
  const odd = await OddServer.start({ status: 200, silent: true })
  try {
    const program = new CliProcess(['export', '--out', out, '--url', odd.url])
    const temporary = () => readdirSync(dir).filter(name => name.startsWith('interrupted'))
    await until('its temporary file', () => temporary().length > 0)
    program.signal('SIGTERM')
    assert.is((await program.ended()).signal, 'SIGTERM')
    const { code, err } = await run(['export', '--out', out, '--url', odd.url, '--timeout-ms', '200'])
    assert.equal([code, /cannot be reached: /.test(err)], [4, true], err)
    assert.equal(temporary(), [])
  } finally {
    odd.close()
  }
})

exported('fails where nobody reads it to its end', async () => {
  const { code, err } = await bash(`set -o pipefail; tallymesh export --url ${node.url} | head -c 100`)
  assert.is(code, 1)
  assert.match(err, /the export is incomplete: nobody reads it any longer|stdout cannot be written/)
})

exported('shows its progress on a terminal', async () => {
  if (!hasTerminal) return console.log('SKIP: script (util-linux) is not installed')
  const slots = Array.from({ length: 25_000 }, (_, at) => ({ key: `k${at}`, add: 1 }))
  for (let at = 0; at < slots.length; at += 2_000) {
    assert.is((await post(node, '/v1/counters', slots.slice(at, at + 2_000))).status, 200)
  }
  const line = `$TALLYMESH export --out ${path} --url ${node.url} && $TALLYMESH import ${path} --url ${node.url}`
  const { code, out } = await onTerminal(line).ended()
  assert.is(code, 0, out)
  assert.match(out, /\d+ slots\r?␛\[K|\d+ slots/)
  assert.match(out, /\d+ slots checked/)
  assert.match(out, /: 0 changed, the others were known already/)
})

exported.run()
