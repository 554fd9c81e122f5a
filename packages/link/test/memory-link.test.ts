import { MemoryNetwork } from '../src/index.js'
import { linkSuite } from '../src/suite.js'

linkSuite({
  name: 'memory',
  async join(a, b) {
    const network = new MemoryNetwork()
    network.join('ws://a:1/', { handshake: a, events: a, queueBytesMax: a.queueBytesMax })
    network.join('ws://b:1/', { handshake: b, events: b, queueBytesMax: b.queueBytesMax })
    return {
      url: 'ws://b:1/',
      dial: () => network.connect('ws://a:1/', 'ws://b:1/'),
      async settle() {
        network.deliverAll()
      },
      stall: () => network.stall('ws://a:1/', 'ws://b:1/'),
      damage: () => network.damage('ws://a:1/', 'ws://b:1/'),
      sever: () => network.cut('ws://a:1/', 'ws://b:1/'),
      async close() {},
    }
  },
})
