import { join } from 'node:path'
import { TallymeshError } from '@tallymesh/crdt'
import { pino } from 'pino'
import { openNode } from 'tallymesh'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NodeLog } from '../../src/cli/node-log.js'
import { scratch, until } from './cli-process.js'

const log = suite('log of a node')

function open(level = 'info'): { nodeLog: NodeLog; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const logger = pino({ level, base: {} }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { nodeLog: new NodeLog(logger), lines }
}

log('tells errors, warnings and what callers were told apart by their code', () => {
  const { nodeLog, lines } = open()
  nodeLog.error(new TallymeshError('STORE_CORRUPT', 'damaged', { cause: new Error('below') }), 0)
  nodeLog.error(new TallymeshError('LINK_FAILED', 'broken'), 0)
  nodeLog.error(new TallymeshError('COUNTER_OVERFLOW', 'full'), 0)
  const shown = lines.map(({ level, event, code, cause, msg }) => ({ level, event, code, cause, msg }))
  assert.equal(shown, [
    { level: 50, event: 'error', code: 'STORE_CORRUPT', cause: 'below', msg: 'damaged' },
    { level: 40, event: 'error', code: 'LINK_FAILED', cause: undefined, msg: 'broken' },
  ])
  const all = open('debug')
  all.nodeLog.error(new TallymeshError('COUNTER_OVERFLOW', 'full'), 0)
  assert.is(all.lines[0]?.level, 20)
})

log('says an error that repeats once, and then how often', () => {
  const { nodeLog, lines } = open()
  const error = new TallymeshError('LINK_FAILED', 'broken')
  for (const nowMs of [0, 1, 9_999]) nodeLog.error(error, nowMs)
  nodeLog.error(new TallymeshError('PEER_SLOW', 'slow'), 9_999)
  nodeLog.error(error, 10_000)
  nodeLog.error(error, 20_000)
  assert.equal(
    lines.map(({ code, repeated }) => [code, repeated]),
    [
      ['LINK_FAILED', undefined],
      ['PEER_SLOW', undefined],
      ['LINK_FAILED', 2],
      ['LINK_FAILED', undefined],
    ],
  )
})

log('of peers, only one that is down is a warning', async () => {
  const dir = scratch()
  const openPeer = async (name: string, peers: string[]) =>
    await openNode({
      ...{
        name,
        dataDir: join(dir, name),
        runtimeDir: join(dir, 'run'),
        peers,
        listen: { host: '127.0.0.1', port: 0 },
      },
      ...{ heartbeatMs: 40, antiEntropyMs: 100, closeTimeoutMs: 100 },
    })
  const a = await openPeer('a', [])
  const { nodeLog, lines } = open()
  nodeLog.follow(a)
  try {
    const b = await openPeer('b', [a.url as string])
    const said = (state: string) => lines.some(({ msg }) => msg === `peer b is ${state}`)
    await until('b to be up', () => said('up'))
    await b.close()
    await until('b to be down', () => said('down'))
  } finally {
    await a.close()
  }
  for (const { msg, level } of lines.filter(({ event }) => event === 'peer')) {
    assert.is(level, msg === 'peer b is down' ? 40 : 30, String(msg))
  }
})

log.run()
