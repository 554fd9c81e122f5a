import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import type { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dialWs, WsAcceptor, type WsTlsOptions } from '../src/index.js'
import { SuiteNode, until } from '../src/suite.js'
import { Authority, canIssue } from './authority.js'
import { ended, listening, tracked, turn } from './ws-node.js'

const tls = suite('tls-failure')

const LOCAL = ['DNS:localhost', 'IP:127.0.0.1']

/** Dials a TLS server that takes links; answers why it failed, or undefined where the link opened. */
async function dial(
  server: ServerOptions,
  options: WsTlsOptions,
  host = '127.0.0.1',
): Promise<TallymeshError | undefined> {
  const b = new SuiteNode('b')
  const acceptor = new WsAcceptor({ handshake: b, events: b, authorize: () => true })
  const made = createServer(server)
  made.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head))
  return dialed(made, options, host, () => acceptor.close())
}

async function dialed(
  server: Server | ReturnType<typeof createTcpServer>,
  options: WsTlsOptions,
  host = '127.0.0.1',
  close: () => Promise<void> = async () => {},
): Promise<TallymeshError | undefined> {
  const a = new SuiteNode('a')
  const port = await listening(tracked(server))
  try {
    dialWs(`wss://${host}:${port}`, { handshake: a, events: a, tls: options })
    await until('the outcome', () => a.heard.length > 0, turn)
    const [first] = a.heard
    return first?.type === 'refused' ? first.reason : undefined
  } finally {
    await close()
    await ended(server)
  }
}

/** What it says without the port, which differs from run to run. */
function said(error: TallymeshError | undefined): string {
  return `${error?.code} ${error?.message}`.replace(/:\d+\//, '/')
}

if (canIssue()) {
  const authority = new Authority('room')
  const foreign = new Authority('elsewhere')
  const { cert: ca } = authority
  const good = authority.issue(LOCAL)
  const mutual = { ...good, ca, requestCert: true, rejectUnauthorized: true }

  tls('opens where the certificate is of a known authority and made out to the address', async () => {
    assert.is(await dial(good, { ca }), undefined)
    assert.is(await dial(good, { ca }, 'localhost'), undefined)
  })

  tls('opens to another name than the address where that is asked for', async () => {
    const named = authority.issue(['DNS:room.test'])
    assert.is(await dial(named, { ca, servername: 'room.test' }), undefined)
    const refused = said(await dial(named, { ca }))
    assert.match(refused, /^CERTIFICATE_REFUSED wss:\/\/127.0.0.1\/ shows .* made out to other names; name the peer as/)
    assert.match(refused, /127.0.0.1 is not in the cert's list/)
  })

  tls('says that a certificate has expired', async () => {
    const reason = await dial(authority.issue(LOCAL, -1), { ca })
    assert.match(
      said(reason),
      /^CERTIFICATE_REFUSED wss:\/\/127.0.0.1\/ .* it has expired; renew it .*CERT_HAS_EXPIRED/,
    )
  })

  tls('says that nobody known signed a certificate', async () => {
    for (const options of [{}, { ca: foreign.cert }]) {
      const reason = await dial(good, options)
      assert.match(
        said(reason),
        /^CERTIFICATE_REFUSED .* signed by nobody whom this node trusts; give this node the aut/,
      )
    }
  })

  tls('shows its own certificate to a peer that asks for one', async () => {
    assert.is(await dial(mutual, { ca, ...good }), undefined)
  })

  tls('says that the peer asks for a certificate, or does not accept the one it is shown', async () => {
    const none = said(await dial(mutual, { ca }))
    assert.match(
      none,
      /^CERTIFICATE_REFUSED wss:\/\/127.0.0.1\/ asks for a certificate, and this node has none; give it/,
    )
    const other = said(await dial(mutual, { ca, ...foreign.issue(LOCAL) }))
    assert.match(
      other,
      /^CERTIFICATE_REFUSED wss:\/\/127.0.0.1\/ ended the connection when it saw the certificate of this/,
    )
  })

  tls('says that its own files are no certificates, or do not belong together', async () => {
    for (const options of [
      { ca, cert: 'x', key: 'y' },
      { ca, cert: good.cert, key: foreign.issue(LOCAL).key },
    ]) {
      assert.match(
        said(await dial(good, options)),
        /^TLS_UNUSABLE the certificate, key or authority of this node cannot/,
      )
    }
  })

  tls('says the same each time where the other side speaks no TLS, or another version', async () => {
    for (let attempt = 0; attempt < 2; attempt++) {
      const plain = said(await dialed(createHttpServer() as Server, { ca }))
      const text = 'and this node do not agree on TLS: wrong version number; is it a wss address?'
      assert.is(plain, `WRONG_PROTOCOL wss://127.0.0.1/ ${text}`)
    }
    const old = await dial({ ...good, minVersion: 'TLSv1.3' }, { ca, maxVersion: 'TLSv1.2' } as WsTlsOptions)
    assert.match(said(old), /^WRONG_PROTOCOL .*alert protocol version/)
  })

  tls('takes a connection that breaks for one that breaks', async () => {
    const rude = createTcpServer(socket => socket.destroy())
    assert.match(said(await dialed(rude, { ca, ...good })), /^LINK_FAILED wss:\/\/127.0.0.1\/ could not be reached/)
  })

  tls.after(() => {
    authority.remove()
    foreign.remove()
  })
}

tls.run()
