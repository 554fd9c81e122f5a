import { storeSuite } from '@tallymesh/store/suite'
import { drawsOf } from '../draw.js'
import { VirtualTime } from '../virtual-time.js'
import { SimDisk } from './sim-disk.js'
import { SimStore } from './sim-store.js'

let disks = 0

/** Lets virtual time pass as long as the test goes on. */
function disk(seed: number): { disk: SimDisk; stop: () => void } {
  const draw = drawsOf(seed)
  const time = new VirtualTime(draw)
  const made = new SimDisk({ time, draw, name: `disk ${++disks}`, syncMs: [0.1, 5] })
  const timer = setInterval(() => {
    while (time.step(time.nowMs + 1_000)) {}
  }, 1)
  return { disk: made, stop: () => clearInterval(timer) }
}

for (const seed of [1, 2, 3]) {
  storeSuite({
    name: `simulated disk, seed ${seed}`,
    open: async () => {
      const made = disk(seed)
      // Whether a write fails is decided when it is handed over.
      const options = { room: 'sim', repair: false, hooks: { writing: () => made.disk.setMode('ok') } }
      return {
        store: new SimStore(made.disk, options),
        reopenFresh: async () => new SimStore(made.disk, options),
        failNextWrite: () => {
          made.disk.setMode('full')
        },
        cleanup: async () => made.stop(),
      }
    },
  }).run()
}
