import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EventStream } from '../../src/http/event-stream.js'
import { until } from '../lab.js'
import { RawClient } from '../raw-client.js'

const test = suite('an event stream')

/** Runs a test with a response whose headers are sent, and with who reads it. */
function streaming(run: (response: ServerResponse, client: RawClient) => Promise<void>): () => Promise<void> {
  return async () => {
    const { response, client, end } = await stream()
    try {
      await run(response, client)
    } finally {
      end()
    }
  }
}

async function stream(): Promise<{ response: ServerResponse; client: RawClient; end: () => void }> {
  let response: ServerResponse | undefined
  const server = createServer((_request, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    response = answer
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const client = await RawClient.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.write('GET / HTTP/1.1\r\nhost: lab\r\n\r\n')
  await until('the request came', () => response !== undefined)
  const end = () => {
    client.close()
    server.close()
    server.closeAllConnections()
  }
  return { response: response as ServerResponse, client, end }
}

test(
  'sends events, heartbeats and an end',
  streaming(async (response, client) => {
    const events = new EventStream(response, { stallMs: 5_000, heartbeatMs: 5 })
    assert.ok(await events.send('one'))
    await until('a heartbeat comes', () => client.received.includes(': heartbeat\n\n'))
    assert.ok(await events.send('two', 'named'))
    await events.end('{}', 'end')
    assert.not(events.open)
    await until('the end comes', () => client.received.includes('event: end'))
    assert.match(client.received, /data: one\n\n/)
    assert.match(client.received, /event: named\ndata: two\n\n/)
    assert.not(await events.send('late'))
  }),
)

test(
  'cuts off a reader that does not read, and says so to who waits',
  streaming(async (response, client) => {
    client.socket.pause()
    let stalls = 0
    const events = new EventStream(response, { stallMs: 50, heartbeatMs: 60_000, stalled: () => stalls++ })
    const text = 'x'.repeat(1024 * 1024)
    let sent = 0
    while (await events.send(text)) sent++
    assert.not(events.open)
    await events.closed
    assert.ok(sent < 200, `${sent} MiB were written`)
    await events.end('{}', 'end')
    assert.is(stalls, 1)
  }),
)

test(
  'ends quickly for a reader that does not take the end',
  streaming(async (response, client) => {
    client.socket.pause()
    const events = new EventStream(response, { stallMs: 50 })
    void events.send('x'.repeat(64 * 1024 * 1024))
    await events.end('{}', 'end')
    assert.not(events.open)
  }),
)

test(
  'notices that its reader is gone, whatever it does at the time',
  streaming(async (response, client) => {
    const events = new EventStream(response, { stallMs: 5_000 })
    const sending = events.send('x'.repeat(64 * 1024 * 1024))
    client.close()
    assert.not(await sending)
    await events.closed
    await events.end('{}', 'end')
  }),
)

test.run()
