import { refuse } from './client-error.js'

/** What was given in place of something else, for a message. A text is never shown: it may be a secret. */
export function given(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Refuses what is no object, and names in it that are not known: a misspelt option would silently be its default.
 *  @param what how the object is called in messages, such as `options`
 *  @throws TallymeshClientError INVALID_OPTION */
export function checkNames(what: string, object: unknown, known: readonly string[], ending = ''): void {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw refuse('INVALID_OPTION', `${what} must be an object, got ${given(object)}${ending}`)
  }
  const unknown = Object.keys(object).find(name => !known.includes(name))
  if (unknown === undefined) return
  const shown = JSON.stringify(unknown.slice(0, 80))
  throw refuse('INVALID_OPTION', `${what} has no ${shown}; known are ${known.join(', ')}${ending}`)
}
