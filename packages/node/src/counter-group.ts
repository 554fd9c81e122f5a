import { type CounterKey, canonicalKey, checkSignedAmount, TallymeshError } from '@tallymesh/crdt'
import { type Cell, GROUP_CELLS_MAX } from '@tallymesh/replica'

/** One count of several that go into one commit. */
export interface CounterAdd {
  /** A counter's key, its labels in any order. */
  readonly key: string
  /** A safe integer other than 0; negative: decrements. */
  readonly add: number
}

/** One count of a group that was checked. */
export interface CheckedAdd {
  readonly key: CounterKey
  readonly add: number
  /** Undefined where this process did not count the key before. */
  cell: Cell | undefined
}

/** Checks a group as a whole, before anything is kept of it.
 *  @param find the cell of a key, by its canonical text: parsing that takes longer than all the rest
 *  @throws TallymeshError INVALID_OPTION, INVALID_NAME, INVALID_AMOUNT */
export function checkGroup(
  entries: readonly CounterAdd[],
  find: (key: CounterKey) => Cell | undefined = () => undefined,
): CheckedAdd[] {
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > GROUP_CELLS_MAX) {
    const given = Array.isArray(entries) ? entries.length : typeof entries
    const text = `add takes a list of 1 to ${GROUP_CELLS_MAX} counts such as { key: 'orders', add: 1 }, got ${given}`
    throw new TallymeshError('INVALID_OPTION', `${text}; nothing was counted`)
  }
  const checked: CheckedAdd[] = []
  // By place, so that the holes of a sparse list are looked at, too.
  for (let at = 0; at < entries.length; at++) checked.push(checkAdd(entries[at], at, find))
  return checked
}

function checkAdd(entry: unknown, at: number, find: (key: CounterKey) => Cell | undefined): CheckedAdd {
  const { key, add } = Object(entry) as Partial<CounterAdd>
  if (typeof key !== 'string') {
    const text = `entry ${at}: each count of a group needs the key of a counter, got ${key === null ? 'null' : typeof key}`
    throw new TallymeshError('INVALID_NAME', `${text}; nothing was counted`)
  }
  try {
    const cell = find(key as CounterKey)
    return { key: cell?.key ?? canonicalKey(key), add: checkSignedAmount(add), cell }
  } catch (error) {
    if (!(error instanceof TallymeshError)) throw error
    throw new TallymeshError(error.code, `entry ${at}: ${error.message}`, { cause: error })
  }
}
