import { linkSuite } from '@tallymesh/link/suite'
import { drawsOf } from '../draw.js'
import { VirtualTime } from '../virtual-time.js'
import { SimNetwork } from './sim-network.js'

/** Each time that the suite waits, so much passes. */
const SETTLE_MS = 40

for (const seed of [1, 2, 3]) {
  linkSuite({
    name: `simulated, seed ${seed}`,
    async join(a, b) {
      const draw = drawsOf(seed)
      const time = new VirtualTime(draw)
      const network = new SimNetwork({ time, draw, delayMs: [1, 10] })
      const wire = { handshake: a, events: a, queueBytesMax: a.queueBytesMax }
      network.listen('ws://b:1/', 'b', { handshake: b, events: b, queueBytesMax: b.queueBytesMax })
      return {
        url: 'ws://b:1/',
        dial: () => network.dial('a', 'ws://b:1/', wire),
        async settle() {
          const untilMs = time.nowMs + SETTLE_MS
          while (time.step(untilMs));
        },
        stall: () => network.cut('a', 'b'),
        damage: () => network.setShare('damage', 'a', 'b', 100),
        sever: () => network.drop('a', 'b'),
        async close() {},
      }
    },
  })
}
