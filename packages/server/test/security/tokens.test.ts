import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TokenSources, Tokens } from '../../src/security/tokens.js'
import { refusal } from '../lab.js'

const test = suite('tokens')
const directory = mkdtempSync(join(tmpdir(), 'tallymesh-tokens-'))
const file = join(directory, 'tokens')
test.after(() => rmSync(directory, { recursive: true, force: true }))

function scopesOf(tokens: Tokens, token: string): string[] | undefined {
  const known = tokens.find(token)
  return known && [...known.scopes]
}

async function unusable(sources: TokenSources): Promise<string> {
  const { code, message } = await refusal(Tokens.open(sources))
  assert.is(code, 'TOKENS_UNUSABLE')
  return message
}

test('are read from lines with scopes and names', () => {
  const tokens = Tokens.parse('# of the shop\n\n  t-read read  the dashboard\nt-both write,admin\r\nt-peer peer api\n')
  assert.is(tokens.size, 3)
  assert.equal(scopesOf(tokens, 't-read'), ['read'])
  assert.is(tokens.find('t-read')?.name, 'the dashboard')
  assert.equal(scopesOf(tokens, 't-both'), ['write', 'admin'])
  assert.is(tokens.find('t-unknown'), undefined)
  assert.is(tokens.find(undefined), undefined)
  assert.is(tokens.find('t-rea'), undefined)
  assert.is(tokens.own, 't-peer')
  assert.ok(tokens.admits('t-both', 'write'))
  assert.not(tokens.admits('t-both', 'read'))
  assert.not(tokens.admits(undefined, 'read'))
})

test('none at all admit everybody', () => {
  assert.ok(Tokens.parse('# nothing\n').admits(undefined, 'admin'))
})

test('come from a file, a list and one for everything, all at once', async () => {
  writeFileSync(file, 'f-1 read\nboth read\nf-2 peer\n', { mode: 0o600 })
  const tokens = await Tokens.open({ file, list: 'l-1 write first; l-2 read;', token: 'both' })
  assert.is(tokens.size, 5)
  assert.equal(scopesOf(tokens, 'both')?.sort(), ['admin', 'peer', 'read', 'write'])
  assert.equal(scopesOf(tokens, 'l-1'), ['write'])
  assert.is(tokens.own, 'both')
  assert.equal(tokens.warnings, [])
})

test('of a file that others can read are used, and warned of', async () => {
  writeFileSync(file, 'f-1 read\n')
  chmodSync(file, 0o644)
  const tokens = await Tokens.open({ file })
  assert.match(tokens.warnings[0] ?? '', /chmod 600/)
  assert.is(tokens.own, undefined)
})

test('change with the file, and stay where it is broken', async () => {
  writeFileSync(file, 'old read\n', { mode: 0o600 })
  const tokens = await Tokens.open({ file })
  writeFileSync(file, 'old read\nnew read\n')
  await tokens.reload()
  assert.ok(tokens.admits('old', 'read') && tokens.admits('new', 'read'))
  writeFileSync(file, 'newest reed\n')
  assert.is((await refusal(tokens.reload())).code, 'TOKENS_UNUSABLE')
  assert.ok(tokens.admits('new', 'read'))
  writeFileSync(file, '# all are gone\n')
  assert.match((await refusal(tokens.reload())).message, /holds no token/)
  assert.not(tokens.admits(undefined, 'read'), 'an emptied file lets nobody in')
  rmSync(file)
  assert.is((await refusal(tokens.reload())).code, 'TOKENS_UNUSABLE')
  assert.ok(tokens.admits('new', 'read'))
})

test('that cannot be used are refused with the line, and without the token', async () => {
  for (const [text, sentence] of [
    ['s3cret\n', /line 1 of .* names no scope/],
    ['# x\ns3cret reed\n', /line 2 of .* has a scope, number 1, that is none of read, write, peer, admin/],
    ['s3cret read,,write', /scope, number 2/],
    ['s3cret read\ns3cret write', /line 2 of .* repeats the token of line 1/],
    ['s3crét read', /visible ASCII/],
    [`${'s3cret'.repeat(200)} read`, /visible ASCII/],
    [Array.from({ length: 1_001 }, (_, at) => `s3cret-${at} read`).join('\n'), /1001 tokens, at most 1000/],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 })
    const message = await unusable({ file })
    assert.match(message, sentence)
    assert.not.match(message, /s3cr/)
  }
  assert.match(await unusable({ list: 'ok read; s3cret' }), /part 2 of TALLYMESH_TOKENS/)
  assert.match(await unusable({ token: 'two words' }), /TALLYMESH_TOKEN has a scope/)
  assert.match(await unusable({ file: join(directory, 'absent') }), /cannot be read/)
})

test.run()
