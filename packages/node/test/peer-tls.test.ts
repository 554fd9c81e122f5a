import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dialTls, type PeerTls } from '../src/peer-tls.js'
import { Authority, canIssue } from './authority.js'
import { inLab, type Lab, meshed } from './lab.js'
import { type OwnServer, ownServer } from './own-server.js'
import { until } from './wait.js'

const tls = suite('peer-tls')

tls('leaves it to Node whom to trust where nothing is given', () => {
  assert.equal(dialTls(undefined, undefined), { ca: undefined, cert: undefined, key: undefined, servername: undefined })
})

if (canIssue()) {
  const authority = new Authority('room')
  const foreign = new Authority('elsewhere')
  const { cert: ca } = authority
  const local = authority.issue(['DNS:localhost', 'IP:127.0.0.1'])
  const expired = authority.issue(['IP:127.0.0.1'], -1)

  /** Runs a test with a server that asks those who dial for a certificate of the room's authority. */
  const mutual = (cert: { cert: string; key: string }, run: (lab: Lab, own: OwnServer) => Promise<void>) =>
    inLab(async lab => {
      const own = await ownServer({ ...cert, ca, requestCert: true, rejectUnauthorized: true })
      try {
        await run(lab, own)
      } finally {
        await Promise.all(lab.nodes.map(node => node.close()))
        await own.close()
      }
    })

  const wss = ({ port }: OwnServer) => `wss://127.0.0.1:${port}/`

  tls(
    'links nodes that show each other certificates of one authority, also by what they advertise',
    mutual(local, async (lab, own) => {
      const a = await lab.memory('a', { listen: { advertise: [wss(own)] } })
      own.serve(a)
      assert.is(a.url, wss(own))
      let asked = 0
      const certificates = () => {
        asked++
        return { ca: Buffer.from(ca), ...local }
      }
      const b = await lab.memory('b', { listen: { port: 0 }, peers: [wss(own)], tls: certificates })
      // c learns of a from b.
      const c = await lab.memory('c', { peers: [b.url as string], tls: certificates })
      await Promise.all([a, b, c].map(node => node.counter('k').increment()))
      await meshed(a, b, c)
      await c.counter('k').increment(1, { replicas: 3 })
      assert.ok(asked >= 2)
      for (const node of [a, b, c]) assert.equal(lab.codes(node), [])
    }),
  )

  tls(
    'reports once that a peer wants a certificate, and shows one as soon as there is one',
    mutual(local, async (lab, own) => {
      const a = await lab.memory('a', { listen: { advertise: [wss(own)] } })
      own.serve(a)
      let certificates: PeerTls = { ca }
      const b = await lab.memory('b', { peers: [wss(own)], tls: () => certificates })
      await until('b tried three times', () => own.seen() >= 3)
      assert.equal(lab.codes(b), ['CERTIFICATE_REFUSED'])
      assert.match(
        lab.told(b).errors[0]?.message ?? '',
        /^wss:\/\/127.0.0.1:\d+\/ asks for a certificate, and this node/,
      )
      certificates = { ca, ...foreign.issue(['IP:127.0.0.1']) }
      await until('the other certificate is reported, too', () => lab.codes(b).length === 2)
      assert.match(
        lab.told(b).errors[1]?.message ?? '',
        /ended the connection when it saw the certificate of this node/,
      )
      certificates = { ca, ...local }
      await meshed(a, b)
      assert.equal(lab.codes(b), ['CERTIFICATE_REFUSED', 'CERTIFICATE_REFUSED'])
    }),
  )

  tls(
    'reports once whose certificate has expired',
    mutual(expired, async (lab, own) => {
      const a = await lab.memory('a', { listen: { advertise: [wss(own)] } })
      own.serve(a)
      const b = await lab.memory('b', { peers: [wss(own)], tls: () => ({ ca, ...local }) })
      await until('b tried three times', () => own.seen() >= 3)
      assert.equal(lab.codes(b), ['CERTIFICATE_REFUSED'])
      assert.match(
        lab.told(b).errors[0]?.message ?? '',
        /^wss:\/\/127.0.0.1:\d+\/ .* it has expired; renew it on that node/,
      )
      assert.is(b.stats.links, 0)
    }),
  )

  tls(
    'takes the name of a dns: seed for the name of the certificate',
    mutual(authority.issue(['DNS:room.test']), async (lab, own) => {
      const a = await lab.memory('a', { listen: { advertise: [] } })
      own.serve(a)
      const names: string[] = []
      const resolve = async (name: string) => {
        names.push(name)
        return ['127.0.0.1']
      }
      const certificates = () => ({ ca, ...local })
      const peers = [`dns:Room.test.:${own.port}`]
      const b = await lab.memory('b', { peers, tls: certificates, internals: { resolve } })
      await meshed(a, b)
      assert.equal([names[0], ...lab.codes(b)], ['room.test.'])
      const c = await lab.memory('c', { peers: [wss(own)], tls: certificates })
      await until('an address by itself is not the name', () => lab.codes(c).length === 1)
      assert.match(lab.told(c).errors[0]?.message ?? '', /it is made out to other names/)
    }),
  )

  tls(
    'reports certificates that cannot be had or used, and asks again at the next dial',
    mutual(local, async (lab, own) => {
      const a = await lab.memory('a', { listen: { advertise: [wss(own)] } })
      own.serve(a)
      let certificates: () => PeerTls = () => {
        throw new Error('ENOENT: tls.key')
      }
      const b = await lab.memory('b', { peers: [wss(own)], tls: () => certificates() })
      await until('it is reported', () => lab.codes(b).length === 1)
      assert.is(own.seen(), 0)
      certificates = () => ({ ca, cert: 'no PEM', key: 'no PEM' })
      await until('it is reported, too', () => lab.codes(b).length === 2)
      assert.equal(lab.codes(b), ['TLS_UNUSABLE', 'TLS_UNUSABLE'])
      certificates = () => ({ ca, ...local })
      await meshed(a, b)
    }),
  )

  tls.after(() => {
    authority.remove()
    foreign.remove()
  })
}

tls.run()
