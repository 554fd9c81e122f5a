import type { LoadHook, ResolveHook } from 'node:module'

/** Module hooks that load the packages a second time, as the release before: it knows only the first version of batches. */

const MARK = '?release=1'
/** All but the errors: those are told apart by their class, and both releases meet in one process here. */
const PACKAGES = /\/packages\/(?:crdt|replica|store|link|node)\/dist\/src\/(?!errors\.js)/
const NEWEST = 'export const BATCH_VERSION_MAX = 3;'

/** What an old module imports is old, too. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(specifier, context)
  const old = context.parentURL?.endsWith(MARK) && PACKAGES.test(resolved.url) && !resolved.url.includes('?')
  return old ? { ...resolved, url: resolved.url + MARK } : resolved
}

/** @throws Error where the line that makes the old release is not there */
export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context)
  if (!url.endsWith(`/crdt/dist/src/batch.js${MARK}`)) return loaded
  const source = Buffer.from(loaded.source as Uint8Array).toString()
  if (!source.includes(NEWEST)) throw new Error(`${url} has no line ${NEWEST}`)
  return { ...loaded, source: source.replace(NEWEST, NEWEST.replace('3', '1')) }
}
