import { Breach } from './breach.js'
import { type Count, isAcknowledged, isRefused, type Side, showOperation, type Tracked } from './ledger.js'
import { isSubsetSum } from './subset-sum.js'

const SHOWN_MAX = 6

/** Whether an acknowledged operation may be missing. */
export type Excused = (tracked: Tracked) => boolean

/** Which total is looked at: shown only where something is wrong with it. */
export interface Place {
  readonly what: string
  readonly key: string
  readonly node?: string
}

/** What one side of a key must add up to: all of `due`, and some of `open`. */
interface Due {
  readonly due: readonly Count[]
  readonly open: readonly Count[]
  readonly refused: readonly Count[]
}

/** Checks a total against what was asked for. Where some counts need not be there, and all have powers of two of their own, the
 *  total names those that are: then they are answered. @throws Breach */
export function checkSide(
  where: Place,
  total: bigint,
  side: Side | undefined,
  excused: Excused,
): Set<Count> | undefined {
  if (side === undefined) {
    if (total === 0n) return undefined
    throw new Breach(1, 'total-above', `${showPlace(where)} is ${total}; nothing was ever asked for there`)
  }
  const sorted = sort(side.counts, excused)
  const { due, open } = sorted
  const rest = total - sum(due)
  if (open.length === 0) {
    if (rest !== 0n) fail(where, total, sorted)
    return undefined
  }
  if (!haveOwnBits(due, open)) {
    if (
      isSubsetSum(
        rest,
        open.map(({ amount }) => amount),
      ) === false
    )
      fail(where, total, sorted)
    return undefined
  }
  const counted = new Set<Count>()
  let bits = rest
  if (rest > 0n) {
    for (const count of open) {
      const bit = BigInt(count.amount)
      if ((rest & bit) === 0n) continue
      counted.add(count)
      bits -= bit
    }
  }
  if (bits !== 0n) fail(where, total, sorted)
  return counted
}

function sort(counts: readonly Count[], excused: Excused): Due {
  const due: Count[] = []
  const open: Count[] = []
  const refused: Count[] = []
  for (const count of counts) {
    const { tracked } = count
    if (isRefused(tracked)) refused.push(count)
    else if (isAcknowledged(tracked) && !excused(tracked)) due.push(count)
    else open.push(count)
  }
  return { due, open, refused }
}

/** Whether each count that may be in a total is a power of two of its own. */
function haveOwnBits(due: readonly Count[], open: readonly Count[]): boolean {
  const exponents = new Set<number>()
  for (const counts of [due, open]) {
    for (const { amount } of counts) {
      const exponent = Math.round(Math.log2(amount))
      if (2 ** exponent !== amount || exponents.has(exponent)) return false
      exponents.add(exponent)
    }
  }
  return true
}

/** Says what one operation would explain the total, counted twice, not at all, or though it was refused. */
function fail(where: Place, total: bigint, due: Due): never {
  const amounts = due.open.map(({ amount }) => amount)
  const isDue = sum(due.due)
  const fits = (other: bigint): boolean => isSubsetSum(other - isDue, amounts) === true
  const text = `${showPlace(where)} is ${total}, due are ${isDue}`
  for (const { tracked, amount } of due.refused) {
    if (!fits(total - BigInt(amount))) continue
    throw new Breach(1, 'refused-counted', `${text}: as if ${showOperation(tracked)} were counted`)
  }
  for (const { tracked, amount } of due.due) {
    if (!fits(total + BigInt(amount))) continue
    throw new Breach(1, 'lost', `${text}: as if ${showOperation(tracked)} were missing`)
  }
  for (const { tracked, amount } of [...due.due, ...due.open]) {
    if (!fits(total - BigInt(amount))) continue
    throw new Breach(1, 'doubled', `${text}: as if ${showOperation(tracked)} were counted twice`)
  }
  const open = due.open.length > 0 ? `, and some of ${show(due.open)}` : ''
  const kind = total < isDue ? 'lost' : 'total'
  throw new Breach(1, kind, `${text}, of ${show(due.due)}${open}`)
}

function showPlace({ what, key, node }: Place): string {
  return `${what} of ${JSON.stringify(key)}${node === undefined ? '' : ` on ${node}`}`
}

function show(counts: readonly Count[]): string {
  const shown = counts.slice(0, SHOWN_MAX).map(({ tracked, amount }) => `${amount} by ${showOperation(tracked)}`)
  return `${counts.length} counts (${shown.join('; ')}${counts.length > SHOWN_MAX ? '; …' : ''})`
}

function sum(counts: readonly Count[]): bigint {
  let total = 0n
  for (const { amount } of counts) total += BigInt(amount)
  return total
}
