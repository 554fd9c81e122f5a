import type { SupervisorNews } from '@tallymesh/server'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newsOf } from '#demo/supervision.js'

const news = suite('what the demo tells of its supervisor')
const tell = (event: SupervisorNews) => newsOf({ ...event, atMs: 0, node: 'api-1' })

news('ends, hangs and returns are told', () => {
  assert.is(tell({ type: 'ended', how: 'SIGKILL', lastError: undefined }), 'api-1 is gone: SIGKILL')
  assert.match(tell({ type: 'hung', pid: 7, finding: 'no answer' }) ?? '', /^api-1 hangs/)
  assert.match(tell({ type: 'ready', pid: 7, startMs: 5, awayMs: 900 }) ?? '', /^api-1 is ready again/)
  assert.match(tell({ type: 'restarting', waitMs: 100, quickEnds: 2 }) ?? '', /starts again/)
})

news('what goes without saying is not', () => {
  assert.is(tell({ type: 'ready', pid: 7, startMs: 5, awayMs: undefined }), undefined)
  assert.is(tell({ type: 'started', pid: 7, generation: 1 }), undefined)
  assert.is(tell({ type: 'restarting', waitMs: 100, quickEnds: 1 }), undefined)
  assert.is(tell({ type: 'draining' }), undefined)
})

news('of what nodes say, only what is rare is told', () => {
  const said = (text: string) => tell({ type: 'said', level: 'warn', text })
  assert.is(said('peer api-2 is down'), 'api-1: peer api-2 is down')
  assert.is(said('peer api-2 is suspect'), undefined)
  assert.is(said('NOT_REPLICATED: 1 of 2 stores'), undefined)
})

news.run()
