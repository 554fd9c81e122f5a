import { openLevelStore, openWitness, type Witness } from '@tallymesh/store'
import { Lifecycle } from './lifecycle.js'
import { TallymeshNode } from './node.js'
import { checkOptions, type NodeOptions } from './options.js'

/** Opens a node: takes its directory, loads what it holds, and links with its peers. Resolves when it may count; peers may
 *  still be catching up then.
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME, INVALID_URL; STORE_LOCKED, STORE_CORRUPT, STORE_UNSUPPORTED,
 *    STORE_UNUSABLE, STORE_WRONG_ROOM; MEMBER_REMOVED where the directory is of
 *    a node that left; LISTEN_FAILED. Nothing stays open then */
export async function openNode(options: NodeOptions): Promise<TallymeshNode> {
  const settings = checkOptions(options)
  const { dataDir: dir, room, repair, runtimeDir } = settings
  const store = await openLevelStore({ dir, room, salvage: repair })
  let witness: Witness | undefined
  let node: TallymeshNode | undefined
  try {
    witness = await openWitness({
      store: store.id,
      dataDir: dir,
      created: store.created,
      ...(runtimeDir === undefined ? {} : { runtimeDir }),
    })
    node = new TallymeshNode(new Lifecycle(settings, store, witness))
    await node.start()
    return node
  } catch (error) {
    // The first failure is the one to tell.
    if (node) await node.close().catch(() => {})
    await witness?.close()
    await store.close()
    throw error
  }
}
