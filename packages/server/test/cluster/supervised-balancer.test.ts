// deadline: 240 s
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BalancerKind, findBalancer } from '../../src/cluster/balancer-files.js'
import { Guard } from '../../src/cluster/guard.js'
import { SupervisedBalancer } from '../../src/cluster/supervised-balancer.js'
import { describe, type SupervisorNews } from '../../src/cluster/supervisor-event.js'
import { until } from '../../src/cluster/until.js'
import { freePorts } from './free-port.js'
import { ScriptedNode } from './scripted-node.js'

const DEADLINE_MS = 20_000
const ADD = '{"add":1}'

/** A real balancer before two scripted nodes, `a` and `b`. */
class Bench {
  readonly dir = mkdtempSync(join(tmpdir(), 'tallymesh-balancer-'))
  readonly guard = new Guard(500)
  readonly news: SupervisorNews[] = []
  readonly a: ScriptedNode
  readonly b: ScriptedNode
  readonly balancer: SupervisedBalancer

  constructor(
    kind: BalancerKind,
    readonly port: number,
  ) {
    this.a = new ScriptedNode('a', port + 1)
    this.b = new ScriptedNode('b', port + 2)
    const servers = this.nodes.map(({ name, port }) => ({ name, host: '127.0.0.1', port }))
    this.balancer = new SupervisedBalancer({
      ...{ kind, host: '127.0.0.1', port, servers, guard: this.guard },
      ...{ directory: join(this.dir, kind), logFile: join(this.dir, `${kind}.log`) },
      report: news => this.news.push(news),
    })
  }

  get nodes(): readonly ScriptedNode[] {
    return [this.a, this.b]
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.open()
    this.balancer.start()
    await this.balancer.passing(DEADLINE_MS)
    await this.bothInTurn()
  }

  /** Waits until the balancer sends requests to both. */
  async bothInTurn(): Promise<void> {
    const answered = async () => {
      const answers = [await this.send('GET', '/v1/members'), await this.send('GET', '/v1/members')]
      return new Set(answers.map(({ node }) => node)).size === 2
    }
    await until('both nodes to be in rotation', answered, DEADLINE_MS)
  }

  async send(method: string, path: string, body?: string, agent: Agent | false = false): Promise<Answer> {
    return await new Promise(resolve => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
      const sent = request({ host: '127.0.0.1', port: this.port, method, path, headers, agent }, response => {
        let text = ''
        response.on('data', chunk => (text += chunk))
        response.on('error', () => resolve({ status: 0, text: '', node: undefined }))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, node: nodeOf(text) }))
      })
      sent.on('error', () => resolve({ status: 0, text: '', node: undefined }))
      sent.end(body)
    })
  }

  add(body = ADD, agent: Agent | false = false): Promise<Answer> {
    return this.send('POST', '/v1/counters/x', body, agent)
  }

  /** Sends bytes as they are, and answers the first that come back; '' where the connection ends without. */
  async raw(bytes: string): Promise<string> {
    return await new Promise(resolve => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(bytes))
      socket.once('data', chunk => {
        resolve(chunk.toString('latin1'))
        socket.destroy()
      })
      socket.on('error', () => resolve('')).on('close', () => resolve(''))
    })
  }

  async close(): Promise<void> {
    await this.balancer.stop()
    await Promise.all(this.nodes.map(node => node.close()))
    await this.guard.leave()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

interface Answer {
  /** 0: the connection broke. */
  readonly status: number
  readonly text: string
  readonly node: string | undefined
}

function nodeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { node?: string }).node
  } catch {
    return undefined
  }
}

function installed(kind: BalancerKind): boolean {
  try {
    return findBalancer(kind) !== ''
  } catch {
    console.log(`SKIP: ${kind} is not installed`)
    return false
  }
}

for (const kind of ['haproxy', 'nginx'] as const) {
  if (!installed(kind)) continue
  const test = suite(kind)
  let bench: Bench

  test.before(async () => {
    bench = new Bench(kind, await freePorts(3))
    await bench.start()
  })
  test.before.each(async () => {
    for (const node of bench.nodes) {
      Object.assign(node, { script: 'count', readyz: 200 })
      node.posts.length = 0
      node.heads.length = 0
    }
    await bench.bothInTurn()
  })
  test.after(() => bench.close())

  test('a POST that a node refused with 503 goes to the other node, whole', async () => {
    bench.a.script = 'refuse'
    const answers = [await bench.add(), await bench.add(), await bench.add(), await bench.add()]
    assert.equal(
      answers.map(({ status, node }) => `${status} ${node}`),
      Array(4).fill('200 b'),
    )
    assert.equal(bench.b.posts, Array(4).fill(ADD))
    assert.ok(bench.a.posts.length > 0)
  })

  test('where all nodes refuse, their own answer reaches the caller', async () => {
    for (const node of bench.nodes) node.script = 'refuse'
    const { status, text } = await bench.add()
    assert.is(status, 503)
    assert.match(text, /NOT_READY/)
  })

  for (const script of ['reset', 'end'] as const) {
    test(`a POST that was sent is never sent again: ${script}`, async () => {
      for (const node of bench.nodes) node.script = script
      const statuses: number[] = []
      for (let i = 1; i <= 3; i++) statuses.push((await bench.add(`{"add":${i}}`)).status)
      const posts = bench.nodes.flatMap(({ posts }) => posts)
      assert.is(new Set(posts).size, posts.length, `sent more than once: ${posts}`)
      // NGINX asks nobody for a second once all nodes failed: 503 means that nothing was sent, 502 that it was.
      const wanted = kind === 'haproxy' ? [502, 502, 502] : [502, 502, 503]
      assert.equal(statuses, wanted)
      assert.is(posts.length, wanted.filter(status => status === 502).length)
    })

    test(`not on a connection that was used before, either: ${script}`, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let i = 0; i < 6; i++) assert.is((await bench.add(ADD, agent)).status, 200)
      for (const node of bench.nodes) {
        node.script = script
        node.posts.length = 0
      }
      const statuses = [(await bench.add('{"add":11}', agent)).status, (await bench.add('{"add":12}', agent)).status]
      agent.destroy()
      // 0: HAProxy ends the caller's connection, too.
      for (const status of statuses) assert.ok([0, 502].includes(status), `${status}`)
      const posts = bench.nodes.flatMap(({ posts }) => posts)
      assert.is(new Set(posts).size, posts.length, `sent more than once: ${posts}`)
    })
  }

  test('while a node refuses connections, POSTs go to the other one', async () => {
    await bench.a.close()
    // Requests on connections that broke with the node fail at most once each.
    await until('the dead node to be left out', async () => (await bench.add()).status === 200, DEADLINE_MS)
    bench.b.posts.length = 0
    for (let i = 0; i < 10; i++) assert.is((await bench.add()).status, 200)
    assert.is(bench.b.posts.length, 10)
    await bench.a.open()
  })

  test('a body too large to be held for another try is sent once, and its refusal handed on', async () => {
    bench.a.script = 'refuse'
    const large = `{"add":1,"pad":"${'x'.repeat(100_000)}"}`
    const answers = [await bench.add(large), await bench.add(large)]
    for (const { status } of answers) assert.ok([200, 503].includes(status))
    assert.equal(
      bench.b.posts.filter(post => post !== large),
      [],
    )
  })

  test('upgrades reach the y-websocket door alone, never the mesh', async () => {
    const upgrade = (path: string) =>
      bench.raw(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      )
    const paths = [
      '/mesh',
      '/',
      '//yjs/mesh',
      '/mesh/',
      '/yjs/../mesh',
      '/yjs/%2e%2e/mesh',
      '/yjs/a\\..\\..\\mesh',
      '/MESH',
      '/v1/members',
    ]
    for (const path of paths) await upgrade(path)
    const heads = bench.nodes.flatMap(({ heads }) => heads)
    assert.equal(
      heads.filter(head => /^(upgrade|connection): *(websocket|upgrade)/im.test(head)),
      [],
    )
    assert.equal(
      heads.filter(head => /^GET \/mesh/.test(head)),
      [],
    )
    await upgrade('/yjs/shop?v=1')
    const door = bench.nodes.flatMap(({ heads }) => heads).filter(head => head.startsWith('GET /yjs/shop?v=1 '))
    assert.is(door.length, 1)
    assert.match(door[0] ?? '', /^upgrade: *websocket/im)
  })

  test('what the caller says of itself is handed on, and the key as it was written', async () => {
    const key = 'a%2Fb%7Bx%3D%22%C3%A4%22%7D'
    for (const script of ['count', 'refuse'] as const) {
      bench.a.script = script
      bench.b.script = 'count'
      const body = '{"add":1}'
      const head = `POST /v1/counters/${key}?timeoutMs=5 HTTP/1.1\r\nHost: counters.example\r\nAuthorization: Bearer abc`
      for (let i = 0; i < 2; i++) {
        await bench.raw(`${head}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      }
    }
    const heads = bench.nodes.flatMap(({ heads }) => heads).filter(head => head.startsWith('POST'))
    assert.ok(heads.length >= 4)
    for (const head of heads) {
      assert.ok(head.startsWith(`POST /v1/counters/${key}?timeoutMs=5 HTTP/1.1\r\n`), head)
      assert.match(head, /^authorization: Bearer abc$/im)
      assert.match(head, /^x-forwarded-for: 127\.0\.0\.1$/im)
      assert.match(head, /^host: counters\.example$/im)
    }
  })

  test('a balancer that is killed is started again', async () => {
    const { pid } = bench.balancer
    process.kill(pid as number, 'SIGKILL')
    await until('another balancer', () => bench.balancer.pid !== undefined && bench.balancer.pid !== pid, DEADLINE_MS)
    await bench.balancer.passing(DEADLINE_MS)
    const types = bench.news.map(({ type }) => type)
    assert.equal(types, ['started', 'ended', 'restarting', 'started'])
    assert.match(describe({ ...(bench.news[1] as SupervisorNews), atMs: 0, node: kind }), /is gone: SIGKILL/)
  })

  test('without a node, the caller hears that nothing was counted', async () => {
    await Promise.all(bench.nodes.map(node => node.close()))
    await until('the balancer to know', async () => (await bench.add()).status === 503, DEADLINE_MS)
    const { status, text } = await bench.add()
    const problem = JSON.parse(text) as { code: string; counted: boolean }
    assert.equal([status, problem.code, problem.counted], [503, 'NOT_READY', false])
    await Promise.all(bench.nodes.map(node => node.open()))
  })

  if (kind === 'haproxy') {
    test('a node that is not ready gets nothing more and finishes what it has; one that hangs loses it, as indeterminate', async () => {
      for (const node of bench.nodes) node.script = 'hold'
      const calls = [bench.add(), bench.add()]
      await until('both to hold a request', () => bench.a.held === 1 && bench.b.held === 1, DEADLINE_MS)
      bench.a.readyz = 503
      bench.b.script = 'count'
      await until('a to be left out', () => onlyB(bench), DEADLINE_MS)
      bench.a.release()
      bench.b.readyz = 0
      // Asked of the node while it hung, the request may have been counted: HAProxy must not say otherwise.
      const answers = await Promise.all(calls)
      assert.equal(answers.map(({ status }) => status).sort(), [200, 502])
    })
  }

  test.run()
}

async function onlyB(bench: Bench): Promise<boolean> {
  const ask = () => bench.send('GET', '/v1/members')
  const answers = [await ask(), await ask(), await ask()]
  return answers.every(({ node }) => node === 'b')
}
