import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../src/cli/commands.js'
import { bash, tallymesh } from './cli-process.js'
import { tallymeshLines } from './command-line.js'
import { flagNames, REFERENCE_PATH, reference } from './reference.js'

const program = suite('the program')

program('prints its version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  assert.equal(await tallymesh(['--version']), { code: 0, signal: undefined, out: `${version}\n`, err: '' })
})

program('prints its help, on stderr where nothing was asked for', async () => {
  const asked = await tallymesh(['--help'])
  assert.is(asked.code, 0)
  for (const { name } of COMMANDS) assert.match(asked.out, new RegExp(`^  ${name} `, 'm'))
  assert.match(asked.out, /Exit codes:\n {2}0 /)
  const unasked = await tallymesh([])
  assert.equal([unasked.code, unasked.out], [2, ''])
  assert.match(unasked.err, /^Usage: tallymesh/)
})

program('has help with every flag and an example for each command', async () => {
  const helps = await tallymeshLines(COMMANDS.map(({ name }) => ({ args: [name, '--help'] })))
  for (const [at, command] of COMMANDS.entries()) {
    const { code = -1, out = '' } = helps[at] ?? {}
    assert.is(code, 0)
    for (const flag of flagNames(command)) assert.ok(out.includes(`${flag} `), `${command.name}: ${flag}`)
    assert.match(out, new RegExp(`Examples:\n {2}.*tallymesh ${command.name}`))
  }
  assert.match((await tallymesh(['help', 'start'])).out, /--drain-ms <MS> .*\n?.*SIGTERM/)
})

program('refuses what it does not know in one line, with what is near', async () => {
  const cases = [
    [['stauts'], /^tallymesh: unknown command 'stauts'; did you mean status\? \(see tallymesh --help\)\n$/],
    [['start', '--lisen', 'x'], /^tallymesh start: unknown option '--lisen'; did you mean --listen\?.*\n$/],
    [['get'], /^tallymesh get: missing required argument 'KEY'.*\n$/],
    [['list', 'a', 'b'], /^tallymesh list: too many arguments.*\n$/],
    [['get', 'x', '--url'], /^tallymesh get: option '--url <URL>' argument missing.*\n$/],
    [['get', 'x', '--token', 'secret'], /^tallymesh get: unknown option '--token'.*\n$/],
    [['get', 'x', '--url', 'http://u:secret@h'], /^tallymesh get: --url must be http:.* got a text with "@"\n$/],
    [['list', '--limit', '0'], /^tallymesh list: --limit must be an integer from 1 to 1000000, got "0"\n$/],
    [['get', 'a{b}'], /^tallymesh get: counter key "a\{b\}" has .*\(INVALID_NAME\)\n$/],
  ] as const
  const runs = await tallymeshLines(cases.map(([args]) => ({ args })))
  for (const [at, [, message]] of cases.entries()) {
    const { code, out = '', err = '' } = runs[at] ?? {}
    assert.equal([code, out], [2, ''], err)
    assert.match(err, message)
    assert.not.match(err, /secret/)
  }
})

program('ends quietly when its reader does, and says so when stdout cannot be written', async () => {
  const closed = await bash('set -o pipefail; tallymesh start --help | head -1')
  assert.equal([closed.code, closed.err], [0, ''])
  const full = await bash('tallymesh verify --help > /dev/full')
  assert.is(full.code, 1)
})

program('has a reference that is what it knows of itself', () => {
  const current = readFileSync(REFERENCE_PATH, 'utf8')
  for (const command of COMMANDS) {
    const [, section = ''] = current.split(`## tallymesh ${command.name}\n`)
    const text = section.split('\n## ')[0] as string
    for (const flag of flagNames(command)) assert.ok(text.includes(`\`${flag}`), `${command.name}: ${flag}`)
  }
  assert.ok(current === reference(current), 'CLI.md is out of date: node packages/server/dist/test/cli/reference.js')
})

program.run()
