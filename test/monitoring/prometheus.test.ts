// deadline: 300 s
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../cluster/until.js'
import { familyOf, metricsIn, readAlerts, readDashboard, selectorsIn } from './deployed.js'
import { type ActiveAlert, Prometheus } from './prometheus-process.js'
import { type ServedNode, ServedRoom, TOKENS } from './served-room.js'
import { Traffic } from './traffic.js'

const monitoring = suite('monitoring')
const JOB = 'tallymesh'
/** Some scrapes, so that rates over it have something to go by. */
const WINDOW = '10s'
/** For what takes a few seconds on an idle machine. */
const WAIT_MS = 90_000

/** Panels that show something only when something is wrong. */
const ONLY_IN_TROUBLE = ['Alerts', 'Errors that nodes reported']
/** Selectors of alerts that match nothing while all is well. */
const SELECTED_IN_TROUBLE = ['tallymesh_http_requests_total{status=~"5..", route!~"/livez|/readyz"}']
/** Metrics that neither the dashboard nor an alert shows. */
const UNUSED: string[] = []

interface Watched {
  readonly room: ServedRoom
  readonly prometheus: Prometheus
}

let watched: Watched | undefined
const installed = ['prometheus', 'promtool'].every(program => spawnSync(program, ['--version']).status === 0)

/** Registers a test over three nodes and a Prometheus that scrapes them; the tests of this file share them, in order. */
function withPrometheus(name: string, test: (watched: Watched) => Promise<void>): void {
  monitoring(name, async () => {
    if (!installed) return console.log('SKIP: prometheus is not installed')
    watched ??= await startWatched()
    await test(watched)
  })
}

async function startWatched(): Promise<Watched> {
  const room = await ServedRoom.start(['a', 'b', 'c'])
  try {
    const targets = room.nodes.map(({ target }) => target)
    return { room, prometheus: await Prometheus.start(join(room.dir, 'prometheus'), targets, TOKENS.scrape) }
  } catch (error) {
    await room.remove()
    throw error
  }
}

monitoring.after(async () => {
  await watched?.prometheus.stop()
  await watched?.room.remove()
})

/** Waits until a query answers exactly these values, by instance. */
async function allShow({ room, prometheus }: Watched, expr: string, value: number): Promise<void> {
  const wanted = room.nodes.map(({ target }) => `${target} ${value}`).sort()
  await until(
    `${expr} = ${value} on every node`,
    async () => {
      const found = (await prometheus.query(expr))
        .map(({ metric, value }) => `${metric.instance} ${Number(value[1])}`)
        .sort()
      return JSON.stringify(found) === JSON.stringify(wanted) || found.join(', ') || 'nothing'
    },
    WAIT_MS,
  )
}

/** Waits until an alert with these labels fires. */
async function fires({ prometheus }: Watched, labels: Readonly<Record<string, string>>): Promise<ActiveAlert> {
  let found: ActiveAlert | undefined
  await until(
    `${JSON.stringify(labels)} to fire`,
    async () => {
      const alerts = await prometheus.alerts()
      found = alerts.find(alert => Object.entries(labels).every(([name, value]) => alert.labels[name] === value))
      return found?.state === 'firing' || alerts.map(({ labels }) => labels.alertname).join(' ') || 'none'
    },
    WAIT_MS,
  )
  return found as ActiveAlert
}

/** Waits until an alert is active for these instances, and for no others. */
async function activeFor({ prometheus }: Watched, alertname: string, instances: readonly string[]): Promise<void> {
  await until(
    `${alertname} for ${instances.join(' ') || 'nobody'}`,
    async () => {
      const active = (await prometheus.alerts()).filter(({ labels }) => labels.alertname === alertname)
      const found = active.map(({ labels }) => labels.instance ?? labels.member).sort()
      return found.join() === [...instances].sort().join() || found.join(' ') || 'nobody'
    },
    WAIT_MS,
  )
}

function withLabels(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', WINDOW)
    .replaceAll('$job', JOB)
    .replaceAll(/\$(?:instance|counter)/g, '.*')
}

withPrometheus('shows the counters of the room with their labels, the same on all three nodes', async all => {
  const [a, b, c] = all.room.nodes as [ServedNode, ServedNode, ServedNode]
  const adds: Array<[ServedNode, string, number]> = [
    [a, 'orders{region="eu",shop="north"}', 5],
    [b, 'orders{shop="north",region="eu"}', 7],
    [c, 'orders{region="eu",shop="north"}', -2],
    [a, 'orders', 1],
    [b, 'stock{item="\\"Ærø\\" 1\\\\2"}', 9_007_199_254_740_991],
    [c, 'odd{instance="mine",job="theirs",le="5"}', 3],
  ]
  for (const [node, key, add] of adds) assert.is(await node.add(key, add), 200, key)
  const eu = '{counter="orders", region="eu", shop="north"}'
  await allShow(all, `tallymesh_counter_increments_total${eu}`, 12)
  await allShow(all, `tallymesh_counter_decrements_total${eu}`, 2)
  await allShow(all, `tallymesh_counter_value${eu}`, 10)
  await allShow(all, 'tallymesh_counter_value{counter="orders", region=""}', 1)
  await allShow(all, 'tallymesh_counter_value{counter="stock", item="\\"Ærø\\" 1\\\\2"}', 9_007_199_254_740_991)
  await allShow(all, 'tallymesh_counter_value{exported_instance="mine", exported_job="theirs"}', 3)
  await allShow(all, 'tallymesh_ready', 1)
  await allShow(all, 'count by (instance) (tallymesh_member_up == 1)', 2)
  await until('three scrapes without an error', async () => {
    const errors = await all.prometheus.scrapeErrors()
    return errors.join() === ',,' || errors.join()
  })
})

withPrometheus(
  'every metric of the dashboard and the alerts exists, and every metric that exists is used',
  async ({ room }) => {
    const text = await (room.nodes[0] as ServedNode).get('/metrics', TOKENS.scrape)
    const exposed = [...text.matchAll(/^# TYPE (\S+) /gm)].map(match => match[1] as string)
    const own = exposed.filter(name => name.startsWith('tallymesh_'))
    assert.is(new Set(exposed).size, exposed.length, 'each metric stands there once')
    const exprs = [
      ...readDashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
      ...readDashboard().templating.list.flatMap(({ definition = '' }) => definition),
      ...readAlerts().map(({ expr }) => expr),
    ]
    const used = [...new Set(exprs.flatMap(metricsIn).map(familyOf))]
    assert.equal(used.filter(name => !own.includes(name)).sort(), [], 'used, but not there')
    assert.equal(own.filter(name => !used.includes(name)).sort(), UNUSED, 'there, but not used')
  },
)

withPrometheus(
  'every panel and variable of the dashboard has data while the room is counted on',
  async ({ room, prometheus }) => {
    const { panels, templating } = readDashboard()
    const traffic = new Traffic(room.nodes)
    try {
      for (const { title, targets = [] } of panels) {
        for (const { expr } of targets) {
          // A query that does not parse is refused at once; one that finds nothing is given time.
          const found = await prometheus.query(withLabels(expr))
          if (found.length > 0 || ONLY_IN_TROUBLE.includes(title)) continue
          await until(
            `data for ${title}: ${expr}`,
            async () => (await prometheus.query(withLabels(expr))).length > 0,
            WAIT_MS,
          )
        }
      }
    } finally {
      await traffic.stop()
    }
    for (const { name, definition = '' } of templating.list.slice(1)) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(withLabels(definition)) ?? []
      const values = await prometheus.labelValues(label, selector)
      assert.ok(values.length > 0, name)
      if (name === 'instance') assert.equal(values, room.nodes.map(({ target }) => target).sort())
    }
  },
)

withPrometheus('every alert is evaluated, and what it selects exists', async ({ prometheus }) => {
  await until('every alert to be evaluated', async () => {
    const rules = await prometheus.rules()
    return (
      rules.every(({ health }) => health === 'ok') || rules.map(rule => `${rule.name} ${rule.lastError}`).join('\n')
    )
  })
  const alerts = readAlerts()
  assert.is((await prometheus.rules()).length, alerts.length)
  const missing: string[] = []
  for (const selector of new Set(alerts.flatMap(({ expr }) => selectorsIn(expr)))) {
    if (!SELECTED_IN_TROUBLE.includes(selector) && (await prometheus.query(selector)).length === 0)
      missing.push(selector)
  }
  assert.equal(missing, [])
})

withPrometheus('a node that is killed raises its alert, and its return resolves it', async all => {
  const [a, , c] = all.room.nodes as [ServedNode, ServedNode, ServedNode]
  for (const alert of ['TallymeshRoomDown', 'TallymeshNodeDown', 'TallymeshMemberDown']) await activeFor(all, alert, [])
  await c.kill()
  const alert = await fires(all, { alertname: 'TallymeshNodeDown', instance: c.target })
  assert.is(alert.labels.severity, 'warning')
  assert.match(alert.annotations.summary as string, c.target)
  assert.is(alert.annotations.runbook, 'docs/OPERATIONS.md#tallymeshnodedown')
  await activeFor(all, 'TallymeshNodeDown', [c.target])
  await activeFor(all, 'TallymeshMemberDown', ['c'])
  assert.is(await a.add('orders', 4), 200)
  await c.start()
  await activeFor(all, 'TallymeshNodeDown', [])
  await activeFor(all, 'TallymeshMemberDown', [])
  await allShow(all, 'tallymesh_counter_value{counter="orders", region=""}', 5)
})

withPrometheus(
  'a node that starts on an emptied disk raises the alert for it, though it reported it before any scrape',
  async all => {
    const c = all.room.nodes[2] as ServedNode
    await c.kill()
    rmSync(all.room.dataDir('c'), { recursive: true, force: true })
    await c.start()
    await fires(all, { alertname: 'TallymeshDiskRolledBack', instance: c.target, code: 'STORE_WIPED' })
    await allShow(all, 'tallymesh_counter_value{counter="orders", region=""}', 5)
    const broken = (await all.prometheus.alerts()).filter(({ annotations }) =>
      /error|<no value>/i.test(JSON.stringify(annotations)),
    )
    assert.equal(broken, [])
  },
)

monitoring.run()
