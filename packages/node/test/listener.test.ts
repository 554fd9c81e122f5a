import { once } from 'node:events'
import { get } from 'node:http'
import { connect, Server, type Socket } from 'node:net'
import type { TallymeshError } from '@tallymesh/crdt'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { advertised, socketUrl } from '../src/advertised.js'
import { Listener } from '../src/listener.js'
import { refuseUpgrade, routeUpgrade, type UpgradeRoutes } from '../src/upgrades.js'
import { refusal, within } from './wait.js'

const listener = suite('listener')

const ROUTES: UpgradeRoutes = {
  mesh: (_request, socket) => refuseUpgrade(socket, '400 Mesh', 'mesh'),
  door: (request, socket) => refuseUpgrade(socket, '400 Door', request.url ?? ''),
  linkable: () => true,
}

function open(port = 0, host = '127.0.0.1', reports: TallymeshError[] = []): Promise<Listener> {
  return Listener.open({
    ...{ host, port, upgrade: (request, socket, head) => routeUpgrade(ROUTES, request, socket, head) },
    report: error => reports.push(error),
  })
}

function upgrade(port: number, path: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  let answer = ''
  socket.on('data', data => {
    answer += data
  })
  return within(
    `${path} is answered`,
    once(socket, 'close').then(() => answer),
  )
}

listener('answers plain HTTP with 426', async () => {
  const server = await open()
  const answer = await new Promise<{ status: number | undefined; text: string }>(resolve => {
    get({ port: server.address.port, path: '/v1/counters' }, response => {
      let text = ''
      response.on('data', data => {
        text += data
      })
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
  })
  assert.is(answer.status, 426)
  assert.match(answer.text, /listens here for WebSockets/)
  await server.close()
})

listener('sends each upgrade to whom its path names', async () => {
  const server = await open()
  const { port } = server.address
  for (const path of ['/', '/mesh', '/mesh?x=1']) assert.match(await upgrade(port, path), /^HTTP\/1.1 400 Mesh\r\n/)
  for (const path of ['/yjs', '/yjs/', '/yjs/shop?x'])
    assert.match(await upgrade(port, path), /^HTTP\/1.1 400 Door\r\n/)
  for (const path of ['/yjsx', '/mesh/x', '/metrics']) {
    assert.match(await upgrade(port, path), /^HTTP\/1.1 404 Not Found\r\n[\s\S]*nothing listens at "/)
  }
  await server.close()
})

listener('says why it cannot listen', async () => {
  const server = await open()
  const { port } = server.address
  const taken = await refusal('the port is refused', open(port))
  assert.is(taken.code, 'LISTEN_FAILED')
  assert.is(taken.message, `cannot listen on 127.0.0.1:${port}: another program listens there; choose another port`)
  const foreign = await refusal('the address is refused', open(0, '192.0.2.1'))
  assert.is(foreign.code, 'LISTEN_FAILED')
  assert.match(foreign.message, /192.0.2.1:0: .*EADDRNOTAVAIL/)
  await server.close()
})

listener('frees its port although a client says nothing, and remembers its address', async () => {
  const server = await open()
  const { port } = server.address
  const silent = connect(port, '127.0.0.1')
  silent.on('error', () => {})
  await once(silent, 'connect')
  const gone = once(silent, 'close')
  await within('the listener is closed', server.close())
  await within('the silent client is cut', gone)
  assert.is(server.address.port, port)
  const again = await open(port)
  await again.close()
})

listener('cuts clients that send their request slowly, or only half of it', async () => {
  const server = await Listener.open({
    ...{ host: '127.0.0.1', port: 0, requestMs: 50, report: () => {} },
    upgrade: (request, socket, head) => routeUpgrade(ROUTES, request, socket, head),
  })
  const { port } = server.address
  const half = 'GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  const slow = ['', 'GET /me', half].map(text => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(text)
    return once(socket, 'close')
  })
  await within('all of them are cut', Promise.all(slow))
  assert.match(await upgrade(port, '/mesh'), /400 Mesh/)
  await server.close()
})

listener('closes connections past its limit, and takes others when there is room again', async () => {
  const server = await Listener.open({
    ...{ host: '127.0.0.1', port: 0, connectionsMax: 2, report: () => {} },
    upgrade: (request, socket, head) => routeUpgrade(ROUTES, request, socket, head),
  })
  const { port } = server.address
  const idle = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all(idle.map(socket => once(socket, 'connect')))
  const late = connect(port, '127.0.0.1')
  late.on('error', () => {})
  late.resume()
  await within('the third is closed', once(late, 'close'))
  idle[0]?.destroy()
  let answer = ''
  while (!answer.includes('400 Mesh')) answer = await upgrade(port, '/mesh')
  idle[1]?.destroy()
  await server.close()
})

listener('answers 503 while nobody is taken, and still says what there is not', async () => {
  const server = await Listener.open({
    ...{ host: '127.0.0.1', port: 0, report: () => {} },
    upgrade: (request, socket, head) => routeUpgrade({ ...ROUTES, linkable: () => false }, request, socket, head),
  })
  const { port } = server.address
  for (const path of ['/', '/mesh', '/yjs/lab']) assert.match(await upgrade(port, path), /^HTTP\/1.1 503 Service Unav/)
  assert.match(await upgrade(port, '/metrics'), /^HTTP\/1.1 404 Not Found/)
  await server.close()
})

listener('goes on when a connection cannot be accepted', async () => {
  const reports: TallymeshError[] = []
  const { listen } = Server.prototype
  let tcp: Server | undefined
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    tcp = this
    return Reflect.apply(listen, this, args)
  } as typeof listen
  const server = await open(0, '127.0.0.1', reports).finally(() => {
    Server.prototype.listen = listen
  })
  for (let i = 0; i < 3; i++) tcp?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  assert.equal(
    reports.map(({ code }) => code),
    ['LISTEN_FAILED', 'LISTEN_FAILED', 'LISTEN_FAILED'],
  )
  assert.match(await upgrade(server.address.port, '/mesh'), /400 Mesh/)
  await server.close()
})

listener('survives a client that resets its upgrade', async () => {
  const sockets: Socket[] = []
  const server = await Listener.open({
    ...{ host: '127.0.0.1', port: 0 },
    upgrade: (request, socket, head) =>
      routeUpgrade({ ...ROUTES, mesh: () => sockets.push(socket as Socket) }, request, socket, head),
    report: () => {},
  })
  const client = connect(server.address.port, '127.0.0.1')
  client.write('GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await within(
    'the upgrade arrives',
    new Promise<void>(resolve => {
      const look = () => (sockets.length > 0 ? resolve() : setImmediate(look))
      look()
    }),
  )
  const [socket] = sockets as [Socket]
  const gone = new Promise(resolve => socket.once('close', resolve))
  socket.destroy(new Error('reset'))
  await within('the socket is gone', gone)
  client.destroy()
  await server.close()
})

listener('is advertised by what can be dialed', () => {
  assert.equal(advertised('API-1', { host: '10.0.0.1', port: 7001 }), ['ws://api-1:7001/'])
  assert.equal(advertised('::1', { host: '::1', port: 7001 }), ['ws://[::1]:7001/'])
  assert.equal(advertised('0', { host: '0.0.0.0', port: 7001 }), [])
  assert.equal(advertised('::', { host: '::', port: 7001 }), [])
  assert.equal(advertised('fe80::1%eth0', { host: 'fe80::1%eth0', port: 7001 }), [])
  assert.is(socketUrl('[::1]', 1), 'ws://[::1]:1/')
})

listener.run()
