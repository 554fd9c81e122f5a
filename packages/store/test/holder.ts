import { storeId } from '@tallymesh/crdt'
import { openWitness } from '@tallymesh/store'

// A process that holds a witness until it is killed.
const [runtimeDir, store] = process.argv.slice(2) as [string, string]
const witness = await openWitness({ runtimeDir, store: storeId(store) })
console.log(witness.held ? 'held' : 'refused')
setInterval(() => undefined, 1000)
