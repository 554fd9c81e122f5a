/** A number that is exact: a `bigint` where it is outside ±(2^53 − 1). */
export type Count = number | bigint

export interface CounterValue {
  /** The canonical key. */
  readonly key: string
  readonly value: Count
}

export interface CounterTotals extends CounterValue {
  readonly increments: Count
  readonly decrements: Count
}

export interface CounterPage {
  /** In key order. */
  readonly counters: readonly CounterTotals[]
  /** What to pass as `after` for the next page; null after the last. */
  readonly next: string | null
}

/** A member of the room as the node that answered sees it. */
export interface Member {
  readonly name: string
  readonly store: string
  readonly replica: string | null
  readonly url: string | null
  readonly state: string
  readonly lag: number
  /** Null where it has no number, as for a member that was never heard. */
  readonly phi: number | null
  readonly self: boolean
}

export interface Members {
  readonly room: string
  /** The node that answered. */
  readonly node: string
  readonly members: readonly Member[]
  /** Undefined where the node is of an earlier version, which does not tell. */
  readonly operations?: RoomOperations
  /** As `operations`. */
  readonly folding?: RoomFolding
}

/** Adds with an id, as the node that answered knows them. */
export interface RoomOperations {
  /** Those that are not settled. */
  readonly open: number
  /** For how long it has seen the oldest of these, in ms; 0 where there are none. */
  readonly oldestMs: number
  /** Whether it takes them; false also where nobody asked it to yet. */
  readonly admitted: boolean
  /** Names of the members that are away, where settling or taking them waits for these. */
  readonly waitsFor: readonly string[]
}

/** Replica ids under which nobody counts any more, as the node that answered knows them. */
export interface RoomFolding {
  /** The first 100 of them, in hexadecimal, and how far the fold of each is. */
  readonly retired: readonly RetiredId[]
  /** How many there are. */
  readonly count: number
  /** How many ids were folded whole. */
  readonly folded: number
  /** Names of the members that are away, where folding waits for them. */
  readonly waitsFor: readonly string[]
  /** Updates of ids folded whole that were refused since the node opened: what only they held is not counted. */
  readonly refused: number
  /** Ids of which something counted there still when they were folded whole, since the node opened: what only that node held of
   *  them is not counted. */
  readonly missed: number
}

export interface RetiredId {
  readonly replica: string
  /** `retired`, `claimed`, `folding`, `folded` or `full`; later versions may know others. */
  readonly state: string
}

/** Reads one form of answer; undefined where the JSON has another form. */
export type Decoder<T> = (json: unknown) => T | undefined

const DIGITS = /^-?\d{1,64}$/

function count(json: unknown): Count | undefined {
  if (typeof json === 'number') return Number.isSafeInteger(json) ? json : undefined
  if (typeof json !== 'string' || !DIGITS.test(json)) return undefined
  const exact = BigInt(json)
  // Within the safe range it is a number, so that equal counts are one value.
  return BigInt(Number(exact)) === exact && Number.isSafeInteger(Number(exact)) ? Number(exact) : exact
}

function fields(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
}

export const counterValue: Decoder<CounterValue> = json => {
  const { key, value } = fields(json)
  const exact = count(value)
  return typeof key === 'string' && exact !== undefined ? { key, value: exact } : undefined
}

export const counterTotals: Decoder<CounterTotals> = json => {
  const value = counterValue(json)
  const increments = count(fields(json).increments)
  const decrements = count(fields(json).decrements)
  return value && increments !== undefined && decrements !== undefined
    ? { ...value, increments, decrements }
    : undefined
}

/** @param length how many there must be */
export function counterValues(length: number): Decoder<readonly CounterValue[]> {
  return json => {
    const values = all(json, counterValue)
    return values?.length === length ? values : undefined
  }
}

export const counterPage: Decoder<CounterPage> = json => {
  const { counters, next } = fields(json)
  const page = all(counters, counterTotals)
  return page && (next === null || typeof next === 'string') ? { counters: page, next } : undefined
}

export const roomMembers: Decoder<Members> = json => {
  const { room, node, members, operations: told, folding: toldFolding } = fields(json)
  if (typeof room !== 'string' || typeof node !== 'string') return undefined
  const list = all(members, member)
  const operations = roomOperations(told)
  const folding = roomFolding(toldFolding)
  return list && { room, node, members: list, ...(operations && { operations }), ...(folding && { folding }) }
}

const roomOperations: Decoder<RoomOperations> = json => {
  const { open, oldestMs, admitted, waitsFor } = fields(json)
  if (typeof open !== 'number' || typeof oldestMs !== 'number' || typeof admitted !== 'boolean') return undefined
  const names = all(waitsFor, text)
  return names && { open, oldestMs, admitted, waitsFor: names }
}

const roomFolding: Decoder<RoomFolding> = json => {
  const { retired, count, folded, waitsFor, refused, missed } = fields(json)
  if (typeof count !== 'number' || typeof folded !== 'number') return undefined
  if (typeof refused !== 'number' || typeof missed !== 'number') return undefined
  const ids = all(retired, retiredId)
  const names = all(waitsFor, text)
  return ids && names && { retired: ids, count, folded, waitsFor: names, refused, missed }
}

const retiredId: Decoder<RetiredId> = json => {
  const { replica, state } = fields(json)
  return typeof replica === 'string' && typeof state === 'string' ? { replica, state } : undefined
}

const text: Decoder<string> = json => (typeof json === 'string' ? json : undefined)

const member: Decoder<Member> = json => {
  const { name, store, replica, url, state, lag, phi, self } = fields(json)
  if (typeof name !== 'string' || typeof store !== 'string' || typeof state !== 'string') return undefined
  if (typeof lag !== 'number') return undefined
  return {
    name,
    store,
    state,
    replica: typeof replica === 'string' ? replica : null,
    url: typeof url === 'string' ? url : null,
    lag,
    phi: typeof phi === 'number' ? phi : null,
    self: self === true,
  }
}

function all<T>(json: unknown, decode: Decoder<T>): readonly T[] | undefined {
  if (!Array.isArray(json)) return undefined
  const decoded = json.map(decode).filter(each => each !== undefined)
  return decoded.length === json.length ? decoded : undefined
}
