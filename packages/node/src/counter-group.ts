import { type CounterKey, canonicalKey, checkSignedAmount, TallymeshError } from '@tallymesh/crdt'
import { GROUP_CELLS_MAX } from '@tallymesh/replica'

/** One count of several that go into one commit. */
export interface CounterAdd {
  /** A counter's key, its labels in any order. */
  readonly key: string
  /** A safe integer other than 0; negative: decrements. */
  readonly add: number
}

/** Checks a group as a whole, before anything is kept of it.
 *  @param isKey whether a text is known to be a canonical key: parsing takes longer than all the rest
 *  @returns its entries, each with the canonical key
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME, INVALID_AMOUNT */
export function checkGroup(
  entries: readonly CounterAdd[],
  isKey: (text: string) => boolean = () => false,
): Array<{ key: CounterKey; add: number }> {
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > GROUP_CELLS_MAX) {
    const given = Array.isArray(entries) ? entries.length : typeof entries
    const text = `add takes a list of 1 to ${GROUP_CELLS_MAX} counts such as { key: 'orders', add: 1 }, got ${given}`
    throw new TallymeshError('INVALID_OPTION', `${text}; nothing was counted`)
  }
  // Unlike `map`, it does not pass over the holes of a sparse list.
  return Array.from(entries, (entry: unknown, at) => {
    const { key, add } = Object(entry) as Partial<CounterAdd>
    if (typeof key !== 'string') {
      const text = `entry ${at}: each count of a group needs the key of a counter, got ${key === null ? 'null' : typeof key}`
      throw new TallymeshError('INVALID_NAME', `${text}; nothing was counted`)
    }
    return placed(at, () => ({
      key: isKey(key) ? (key as CounterKey) : canonicalKey(key),
      add: checkSignedAmount(add),
    }))
  })
}

/** What `check` answers; its refusal names the entry. */
function placed<T>(at: number, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof TallymeshError)) throw error
    throw new TallymeshError(error.code, `entry ${at}: ${error.message}`, { cause: error })
  }
}
