import { register } from 'node:module'
import * as newest from 'tallymesh/parts'

/** A release: what nodes are made of. */
export type Release = Pick<typeof newest, 'checkOptions' | 'Lifecycle' | 'TallymeshNode'>

let old: Release | undefined

/** Makes the release before available: the same packages, loaded once more, that know only the first version of batches. */
export async function loadOldRelease(): Promise<void> {
  if (old) return
  register('./release-hooks.js', import.meta.url)
  old = (await import(`${import.meta.resolve('tallymesh/parts')}?release=1`)) as Release
}

/** @throws Error unless `loadOldRelease` was awaited before */
export function releaseOf(number: 1 | 2): Release {
  if (number === 2) return newest
  if (!old) throw new Error('the release before was not loaded')
  return old
}
