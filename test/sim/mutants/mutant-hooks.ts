import type { InitializeHook, LoadHook } from 'node:module'
import { type Mutant, plant } from './mutant.js'

// This file is compiled to test/dist/sim/mutants/mutant-hooks.js.
const ROOT = new URL('../../../..', import.meta.url).href
let planted: Mutant | undefined

export const initialize: InitializeHook<Mutant> = data => {
  planted = data
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  // A second copy of a module, as another release, has a query behind its address.
  const file = url.startsWith(ROOT) ? url.slice(ROOT.length).replace(/\?.*$/, '') : undefined
  if (!planted || file === undefined || !planted.edits.some(edit => edit.file === file)) return loaded
  const source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString()
  return { ...loaded, source: plant(planted, file, source) }
}
