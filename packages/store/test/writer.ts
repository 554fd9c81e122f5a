import { openLevelStore } from '@tallymesh/store'
import { commitOf } from './history.js'

// A process to be killed: goes on with the history where the store stands, and says what is acknowledged.
const [dir] = process.argv.slice(2) as [string]
try {
  const store = await openLevelStore({ dir, room: 'shop', renewBytes: 50_000 })
  let number = store.lastCommit?.number ?? 0
  console.log('open')
  for (;;) {
    // Several at once, so that kills meet batches of many writes.
    const writes = Array.from({ length: 1 + (number % 5) }, () => {
      const own = ++number
      return store.write(commitOf(own)).then(() => console.log(own))
    })
    await Promise.all(writes)
  }
} catch (error) {
  console.log((error as { code?: string }).code ?? String(error))
}
