import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PROGRAM, startHelp } from './start-program.js'

const test = suite('deploy: tallymesh.service')
const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url))
const unit = readFileSync(join(DEPLOY, 'tallymesh.service'), 'utf8')
const settings = readFileSync(join(DEPLOY, 'tallymesh.env'), 'utf8')

test('systemd takes it without a complaint', () => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    return console.log('SKIP: systemd-analyze is not installed')
  }
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-unit-'))
  try {
    // The program is not installed where the unit expects it; systemd looks for it.
    const file = join(dir, 'tallymesh.service')
    writeFileSync(file, unit.replace('/usr/local/bin/tallymesh', PROGRAM))
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
    const complaints = `${stdout}${stderr}`.split('\n').filter(line => line.includes('tallymesh'))
    assert.equal(complaints, [])
    assert.is(status, 0, `${stdout}${stderr}`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('every variable is a setting of tallymesh start', () => {
  const help = startHelp()
  const set = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, text = '']) => text.split(' '))
  const names = [...set, ...settings.split('\n').filter(line => /^[A-Z]/.test(line))].map(pair => pair.split('=', 1)[0])
  assert.ok(names.length >= 8)
  for (const name of names) assert.match(help, new RegExp(`\\b${name}\\b`))
})

test('the witness outlives a stop, the watchdog is heard, and a stop has time to drain', () => {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]
  assert.is(value('Type'), 'notify')
  assert.is(value('NotifyAccess'), 'all')
  assert.is(value('RuntimeDirectoryPreserve'), 'yes')
  assert.match(unit, new RegExp(`TALLYMESH_RUNTIME_DIR=/run/${value('RuntimeDirectory')}\\b`))
  assert.match(unit, new RegExp(`TALLYMESH_DATA=/var/lib/${value('StateDirectory')}\\b`))
  assert.ok(Number.parseInt(value('WatchdogSec') ?? '', 10) > 0)
  // By default 5 s to drain, 10 s for requests, 2 s for peers, 1 s for the store.
  assert.ok(Number.parseInt(value('TimeoutStopSec') ?? '', 10) > 18)
})

test.run()
