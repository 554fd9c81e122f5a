import { execFileSync, spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, inServerLab, meshed, post, until } from '../lab.js'

const test = suite('metrics')

/** The value of a series, as the text names it. */
function figure(text: string, series: string): number {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  assert.ok(line, `no series ${series}`)
  return Number(line?.slice(series.length + 1))
}

test('show the room’s counters, the node, its members and the requests', () =>
  inServerLab(async lab => {
    const a = await lab.start('a')
    const b = await lab.start('b', { peers: [a.url.replace('http', 'ws')] })
    await meshed(a, b)
    await post(a, '/v1/counters', [
      { key: 'orders{region="eu"}', add: 5 },
      { key: 'visits', add: 2 },
    ])
    await post(a, '/v1/counters/orders%7Bregion=%22eu%22%7D', { add: -2, replicas: 2 })
    await post(a, '/v1/counters/x', { add: 0 })
    await ask(a, '/nothing')
    const { text, headers } = await ask(a, '/metrics')
    assert.is(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    for (const [series, value] of [
      ['tallymesh_counter_increments_total{counter="orders",region="eu"}', 5],
      ['tallymesh_counter_decrements_total{counter="orders",region="eu"}', 2],
      ['tallymesh_counter_value{counter="orders",region="eu"}', 3],
      ['tallymesh_counter_value{counter="visits"}', 2],
      ['tallymesh_metrics_counters_left_out', 0],
      ['tallymesh_info{node="a",room="lab",version="0.1.0"}', 1],
      ['tallymesh_keys', 2],
      ['tallymesh_slots', 2],
      ['tallymesh_links', 1],
      ['tallymesh_forks', 0],
      ['tallymesh_operations_oldest_seconds', 0],
      ['tallymesh_retired_ids{state="retired"}', 0],
      ['tallymesh_retired_ids{state="full"}', 0],
      ['tallymesh_folded_ids', 0],
      ['tallymesh_folding_wait_for', 0],
      ['tallymesh_fenced_updates_refused_total', 0],
      ['tallymesh_folds_missed_total', 0],
      ['tallymesh_watchers', 0],
      ['tallymesh_replica_id_changes_total', 0],
      ['tallymesh_http_requests_total{route="/v1/counters",method="POST",status="200"}', 1],
      ['tallymesh_http_requests_total{route="/v1/counters/:key",method="POST",status="200"}', 1],
      ['tallymesh_http_requests_total{route="/v1/counters/:key",method="POST",status="400"}', 1],
      ['tallymesh_http_requests_total{route="unmatched",method="GET",status="404"}', 1],
      ['tallymesh_http_request_seconds_count{route="/v1/counters/:key",method="POST"}', 2],
      ['tallymesh_http_refused_total{code="INVALID_AMOUNT"}', 1],
      ['tallymesh_http_refused_total{code="NOT_FOUND"}', 1],
      [`tallymesh_member_up{member="b",store="${b.node.members()[0]?.store}"}`, 1],
    ] as const) {
      assert.is(figure(text, series), value, series)
    }
    assert.ok(figure(text, 'tallymesh_commits_total') >= 2)
    assert.ok(figure(text, 'tallymesh_commit_seconds_count') >= 2)
    assert.ok(figure(text, 'tallymesh_store_write_seconds_sum') > 0)
    assert.ok(figure(text, 'tallymesh_commit_entries_count') >= 2)
    assert.ok(figure(text, 'tallymesh_store_bytes') > 0)
    assert.ok(figure(text, 'tallymesh_structs') > 0)
    assert.match(text, /tallymesh_frames_total\{direction="sent",kind="[^"]+"\} \d/)
    assert.match(text, /tallymesh_member_phi\{member="b",store="[0-9a-f]{32}"\} /)
    assert.match(text, /process_cpu_seconds_total /)
    assert.match(text, /nodejs_eventloop_lag_seconds /)
    const types = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    assert.is(new Set(types).size, types.length, 'no family stands twice')
  })())

test('show the counters with a prefix, and at most as many as allowed', () =>
  inServerLab(async lab => {
    const server = await lab.start('a', { metricsPrefix: 'shown-', metricsCountersMax: 2 })
    const keys = ['hidden', 'shown-1', 'shown-2', 'shown-3']
    await post(
      server,
      '/v1/counters',
      keys.map(key => ({ key, add: 1 })),
    )
    const { text } = await ask(server, '/metrics')
    assert.not.match(text, /hidden/)
    assert.match(text, /counter="shown-2"/)
    assert.not.match(text, /counter="shown-3"/)
    assert.is(figure(text, 'tallymesh_metrics_counters_left_out'), 1)
    assert.match((await ask(server, '/metrics?prefix=hid')).text, /counter="hidden"/)
    assert.not.match((await ask(server, '/metrics?prefix=none')).text, /counter="/)
  })())

test('tell of replica ids that nobody counts under any more, until they are folded', () =>
  inServerLab(async lab => {
    const options = { runtimeDir: false, foldAfterMs: 0, foldGraceMs: 0 } as const
    const first = await lab.start('a', options)
    await post(first, '/v1/counters/x', { add: 1 })
    await first.close()
    const a = await lab.start('a', options)
    await post(a, '/v1/counters/x', { add: 1 })
    const retired = async () => figure((await ask(a, '/metrics')).text, 'tallymesh_retired_ids{state="retired"}')
    await until('the id of before is seen', async () => (await retired()) === 1)
    const b = await lab.start('b', { ...options, peers: [a.url.replace('http', 'ws')] })
    await until('it is folded', () => a.node.stats.folding.folded === 1)
    const { text } = await ask(a, '/metrics')
    assert.is(figure(text, 'tallymesh_retired_ids{state="retired"}'), 0)
    assert.is(figure(text, 'tallymesh_folded_ids'), 1)
    await meshed(a, b)
  })())

test('count what the node reports', () =>
  inServerLab(async lab => {
    const server = await lab.start('a')
    server.node.counter('x').increment(0)
    await until('it is counted', async () =>
      /tallymesh_errors_total\{code="INVALID_AMOUNT"\} 1\n/.test((await ask(server, '/metrics')).text),
    )
  })())

function hasPromtool(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    console.log('SKIP: promtool is not installed')
    return false
  }
}

if (hasPromtool()) {
  test('are what Prometheus reads', () =>
    inServerLab(async lab => {
      const server = await lab.start('a')
      await post(server, '/v1/counters/x%7Bcounter=%22a%5C%22b%22%7D', { add: 1 })
      const { text } = await ask(server, '/metrics')
      // Names of other programs’ metrics are not ours to choose.
      const own = text.split('\n').filter(line => line.includes('tallymesh_'))
      const { stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
        input: `${own.join('\n')}\n`,
        encoding: 'utf8',
      })
      assert.is(error, undefined)
      // What the room counts are counters, and Prometheus has the same word for its own.
      assert.equal(
        stderr.split('\n').filter(line => line !== '' && !line.endsWith("name should not include type 'counter'")),
        [],
      )
    })())
}

test.run()
