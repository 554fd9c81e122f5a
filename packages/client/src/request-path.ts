/** The path of a counter in the API.
 *  @param key canonical */
export function counterPath(key: string): string {
  // A path of one or two dots would be the directory; an escape before the first leaves the key what it is.
  return `/v1/counters/${encodeURIComponent(key === '.' || key === '..' ? `\\${key}` : key)}`
}

/** The parameters that are given, with the question mark; '' where none is. */
export function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) given.set(name, String(value))
  const text = given.toString()
  return text === '' ? '' : `?${text}`
}
