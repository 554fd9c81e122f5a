import type { InitializeHook, ResolveHook } from 'node:module'

let watched = ''

/** Takes the URL of the module that stands in for uvu. */
export const initialize: InitializeHook<string> = url => {
  watched = url
}

export const resolve: ResolveHook = (specifier, context, nextResolve) => {
  if (specifier !== 'uvu' || context.parentURL === watched) return nextResolve(specifier, context)
  return { url: watched, shortCircuit: true }
}
