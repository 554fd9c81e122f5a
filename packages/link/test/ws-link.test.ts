import { dialWs } from '../src/index.js'
import { linkSuite } from '../src/suite.js'
import { TcpProxy } from './tcp-proxy.js'
import { listen, turn } from './ws-node.js'

linkSuite({
  name: 'ws',
  async join(a, b) {
    const listener = await listen(b)
    const proxy = await TcpProxy.open(listener.port)
    const url = `ws://127.0.0.1:${proxy.port}/`
    return {
      url,
      dial: () => dialWs(url, { handshake: a, events: a, queueBytesMax: a.queueBytesMax }),
      settle: turn,
      stall: () => proxy.stall(),
      damage: () => proxy.damage(),
      sever: () => proxy.sever(),
      async close() {
        await proxy.close()
        await listener.close()
      },
    }
  },
})
