import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERROR_CODES } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deployed, ROOT, readAlerts, readDashboard } from './deployed.js'

const rules = suite('monitoring files')
const DEPLOY = join(ROOT, 'deploy')

/** Refused connections have no error code of their own. */
const OTHER_CODES = ['CONNECTIONS_MAX']
const ALERT_LABELS = ['critical', 'warning', 'info']

function promtool(args: readonly string[], cwd = DEPLOY): void {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd, encoding: 'utf8', timeout: 60_000 })
  if (error) throw error
  assert.is(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`)
}

/** Registers a test that needs promtool. */
function withPromtool(name: string, test: () => void): void {
  rules(name, () => {
    if (spawnSync('promtool', ['--version']).status === 0) test()
    else console.log('SKIP: promtool is not installed (Debian: prometheus)')
  })
}

/** The configuration as its comment on Kubernetes says: the lines from there on in place of `static_configs`. */
function onKubernetes(text: string): string {
  const from = text.indexOf('    # dns_sd_configs:')
  assert.ok(from > 0)
  const before = text.slice(0, from).replace(/^ {4}static_configs:\n(?: {6}.*\n)+/m, '')
  return before + text.slice(from).replace(/^ {4}# /gm, '    ')
}

withPromtool('the alerts are rules that Prometheus takes', () =>
  promtool(['check', 'rules', '--lint-fatal', 'alerts.yml']),
)

withPromtool('each alert fires when it should, and not otherwise', () => promtool(['test', 'rules', 'alerts.test.yml']))

withPromtool('the scrape configuration is one that Prometheus takes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tallymesh-monitoring-'))
  try {
    for (const file of ['prometheus.yml', 'alerts.yml']) cpSync(join(DEPLOY, file), join(dir, file))
    writeFileSync(join(dir, 'tallymesh.token'), 'secret\n', { mode: 0o600 })
    promtool(['check', 'config', '--lint-fatal', 'prometheus.yml'], dir)
    writeFileSync(join(dir, 'prometheus.yml'), onKubernetes(deployed('prometheus.yml')))
    promtool(['check', 'config', '--lint-fatal', 'prometheus.yml'], dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

rules('each alert has a test in which it fires, and one in which it does not', () => {
  const cases = deployed('alerts.test.yml')
    .split(/^ {6}- alertname: /m)
    .slice(1)
  for (const { name } of readAlerts()) {
    const own = cases.filter(text => text.startsWith(`${name}\n`))
    assert.ok(
      own.some(text => text.includes('exp_labels:')),
      `no test in which ${name} fires`,
    )
    assert.ok(
      own.some(text => text.includes('exp_alerts: []')),
      `no test in which ${name} does not fire`,
    )
  }
})

rules('each alert has a severity and stands in the operations guide', () => {
  const guide = join(ROOT, 'docs/OPERATIONS.md')
  assert.ok(existsSync(guide), 'docs/OPERATIONS.md is missing')
  const text = readFileSync(guide, 'utf8')
  const alerts = readAlerts()
  assert.ok(alerts.length > 20)
  for (const { name, severity, runbook } of alerts) {
    assert.ok(ALERT_LABELS.includes(severity), `${name}: ${severity}`)
    assert.is(runbook, `docs/OPERATIONS.md#${name.toLowerCase()}`)
    assert.ok(text.includes(`<a id="${name.toLowerCase()}"></a>`), `docs/OPERATIONS.md does not explain ${name}`)
  }
  const explained = [...text.matchAll(/<a id="(tallymesh\w+)">/g)].map(match => match[1])
  assert.equal(explained.sort(), alerts.map(({ name }) => name.toLowerCase()).sort())
})

rules('the alerts name error codes that exist', () => {
  const known = [...Object.keys(ERROR_CODES), ...OTHER_CODES]
  const named = readAlerts().flatMap(({ expr }) =>
    [...expr.matchAll(/code=~?"([^"]*)"/g)].flatMap(match => (match[1] as string).split('|')),
  )
  assert.ok(named.length > 20)
  assert.equal(
    named.filter(code => !known.includes(code)),
    [],
  )
})

rules('the dashboard is one that Grafana 10 takes: its data source is a variable, its panels do not overlap', () => {
  const { uid, schemaVersion, panels, templating } = readDashboard()
  assert.ok(uid.length <= 40)
  assert.ok(schemaVersion >= 37)
  assert.is(templating.list[0]?.type, 'datasource')
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length)
  const taken = new Set<string>()
  for (const { type, title, datasource, gridPos, targets = [] } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(x < 24 && !taken.has(`${x} ${y}`), `${title} overlaps`)
        taken.add(`${x} ${y}`)
      }
    }
    if (type === 'row') continue
    assert.is(datasource?.uid, '${datasource}', title)
    assert.ok(targets.length > 0, title)
    for (const target of targets) assert.is(target.datasource.uid, '${datasource}', title)
  }
})

rules.run()
