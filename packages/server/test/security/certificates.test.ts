import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { pino } from 'pino'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadTls, type TlsFiles } from '../../src/security/tls-files.js'
import { Tokens } from '../../src/security/tokens.js'
import type { TallymeshServer } from '../../src/server.js'
import { Authority, type Certificate, canIssue } from '../authority.js'
import { inServerLab, meshed, refusal, type ServerLab, until } from '../lab.js'

const test = suite('TLS')
const NAMES = ['DNS:localhost', 'IP:127.0.0.1']

interface Shown {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

function write(lab: ServerLab, name: string, { cert, key }: Certificate, ca?: string): TlsFiles {
  const files = {
    cert: join(lab.path, `${name}.pem`),
    key: join(lab.path, `${name}.key`),
    ca: join(lab.path, 'ca.pem'),
  }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  if (ca === undefined) return { cert: files.cert, key: files.key }
  writeFileSync(files.ca, ca)
  return files
}

/** The status of a GET, or of an upgrade. */
function statusOf(server: TallymeshServer, path: string, shown: Shown, headers: Record<string, string> = {}) {
  return new Promise<number>((resolve, reject) => {
    const agent = new Agent({ ...shown, maxCachedSessions: 0 })
    const request = httpsRequest(`${server.url}${path}`, { agent, headers }, response => {
      resolve(response.statusCode as number)
      response.destroy()
    })
    request.on('upgrade', (response, socket) => {
      resolve(response.statusCode as number)
      socket.destroy()
    })
    request.on('error', reject).end()
  })
}

const UPGRADE = {
  ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/** The serial number of the certificate that is shown to a new connection. */
function serialOf(server: TallymeshServer, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(server.url)
    const socket = tlsConnect({ host: '127.0.0.1', port: Number(port), ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

if (canIssue()) {
  const authority = new Authority('room')
  const stranger = new Authority('stranger')
  test.after(() => {
    authority.remove()
    stranger.remove()
  })

  test('serves HTTP, peers and certificates of its authority, and nothing in plain text', () =>
    inServerLab(async lab => {
      const tls = write(lab, 'a', authority.issue(NAMES), authority.cert)
      const a = await lab.start('a', { tls })
      assert.ok(a.url.startsWith('https://127.0.0.1:'))
      assert.is(a.node.url, `${a.url.replace('https', 'wss')}/`)
      const { ca } = { ca: authority.cert }
      assert.is(await statusOf(a, '/readyz', { ca }), 200, 'HTTP clients need no certificate')
      const b = await lab.start('b', {
        tls: write(lab, 'b', authority.issue(NAMES), ca),
        peers: [a.node.url as string],
      })
      await meshed(a, b)
      await a.node.counter('orders').increment(3, { replicas: 2 })
      assert.is(b.node.counter('orders').value, 3)
      assert.ok(
        await fetch(a.url.replace('https', 'http')).then(
          () => false,
          () => true,
        ),
      )
    })())

  test('with an authority, peers must show a certificate that it signed', () =>
    inServerLab(async lab => {
      const { cert: ca } = authority
      const tokens = Tokens.parse('t peer,read')
      const a = await lab.start('a', { tls: write(lab, 'a', authority.issue(NAMES), ca), tokens })
      const token = { authorization: 'Bearer t' }
      assert.is(await statusOf(a, '/mesh', { ca }, { ...UPGRADE, ...token }), 403)
      assert.is(await statusOf(a, '/mesh', { ca, ...stranger.issue(NAMES) }, { ...UPGRADE, ...token }), 403)
      assert.is(await statusOf(a, '/mesh', { ca, ...authority.issue(NAMES, -1) }, { ...UPGRADE, ...token }), 403)
      assert.is(
        await statusOf(a, '/mesh', { ca, ...authority.issue(NAMES) }, UPGRADE),
        401,
        'the token is asked for, too',
      )
      assert.is(await statusOf(a, '/mesh', { ca, ...authority.issue(NAMES) }, { ...UPGRADE, ...token }), 101)
      assert.is(await statusOf(a, '/yjs/lab', { ca }, { ...UPGRADE, ...token }), 101, 'readers need no certificate')
      const c = await lab.start('c', {
        tls: write(lab, 'c', authority.issue(NAMES)),
        tokens,
        peers: [a.node.url as string],
      })
      const told: string[] = []
      c.node.on('error', ({ code }) => told.push(code))
      await until('c is told', async () => told.length > 0)
      assert.equal([told[0], c.node.stats.links, a.node.stats.links], ['CERTIFICATE_REFUSED', 0, 0])
    })())

  test('without an authority, peers are told apart by their tokens alone', () =>
    inServerLab(async lab => {
      const a = await lab.start('a', { tls: write(lab, 'a', authority.issue(NAMES)) })
      assert.is(await statusOf(a, '/mesh', { ca: authority.cert }, UPGRADE), 101)
    })())

  test('new certificates are used once they are read, and broken ones never', () =>
    inServerLab(async lab => {
      const tls = write(lab, 'a', authority.issue(NAMES), authority.cert)
      const server = await lab.start('a', { tls })
      const first = await serialOf(server, authority.cert)
      write(lab, 'a', authority.issue(NAMES), authority.cert)
      assert.is(await serialOf(server, authority.cert), first, 'nothing is read before it is asked for')
      await server.reload()
      const second = await serialOf(server, authority.cert)
      assert.is.not(second, first)
      writeFileSync(tls.key, authority.issue(NAMES).key)
      const error = await refusal(server.reload())
      assert.is(error.code, 'TLS_UNUSABLE')
      assert.is(await serialOf(server, authority.cert), second)
      write(lab, 'a', stranger.issue(NAMES), stranger.cert)
      await server.reload()
      assert.is(await statusOf(server, '/mesh', { ca: stranger.cert, ...authority.issue(NAMES) }, UPGRADE), 403)
      assert.is(await statusOf(server, '/mesh', { ca: stranger.cert, ...stranger.issue(NAMES) }, UPGRADE), 101)
    })())

  test('an end that is near is a warning, with its event', () =>
    inServerLab(async lab => {
      const lines: Record<string, unknown>[] = []
      const logger = pino({ base: {} }, { write: (line: string) => void lines.push(JSON.parse(line)) })
      await lab.start('a', { tls: write(lab, 'a', authority.issue(NAMES)), logger })
      const [warning] = lines.filter(({ event }) => event === 'warning')
      assert.match(
        String(warning?.msg),
        /^the certificate .*a\.pem ends (?:within a day|in 1 day|in 2 days); renew it$/,
      )
    })())

  test('files that cannot be used are refused by name, and nothing of them is shown', () =>
    inServerLab(async lab => {
      const good = write(lab, 'a', authority.issue(NAMES), authority.cert)
      const other = write(lab, 'b', authority.issue(NAMES), authority.cert)
      const text = join(lab.path, 'text.pem')
      writeFileSync(text, 's3cret')
      for (const files of [
        { ...good, cert: join(lab.path, 'absent.pem') },
        { ...good, key: other.key },
        { ...good, key: text },
        { ...good, cert: text },
        { ...good, ca: text },
      ]) {
        const { code, message } = await refusal(loadTls(files))
        assert.is(code, 'TLS_UNUSABLE')
        assert.match(message, lab.path)
        assert.not.match(message, /s3cret|PRIVATE KEY/)
        assert.is((await refusal(lab.start('c', { tls: files }))).code, 'TLS_UNUSABLE')
      }
      const soon = Date.parse(new Date().toISOString()) + 3 * 86_400_000
      assert.ok((await loadTls(good)).validToMs < soon)
      assert.match(readFileSync(good.cert, 'utf8'), /BEGIN CERTIFICATE/)
    })())
}

test.run()
