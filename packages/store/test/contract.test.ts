import { MemoryDisk, MemoryStore, openLevelStore } from '@tallymesh/store'
import { storeSuite } from '@tallymesh/store/suite'
import { seeded } from './random.js'
import { temporary } from './temporary.js'

storeSuite({
  name: 'LevelDB',
  async open() {
    const { path, remove } = temporary()
    const open = () => openLevelStore({ dir: path, room: 'shop' })
    return { store: await open(), reopenFresh: open, cleanup: async () => remove() }
  },
}).run()

storeSuite({
  name: 'memory',
  async open() {
    const disk = new MemoryDisk()
    const open = () => new MemoryStore({ room: 'shop', random: seeded(1), disk })
    return {
      store: open(),
      reopenFresh: async () => open(),
      failNextWrite: () => {
        disk.failure = new Error('no space is left on the memory disk')
      },
      cleanup: async () => undefined,
    }
  },
}).run()
