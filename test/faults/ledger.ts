import { CallError } from '../cluster/node-handle.js'
import { until } from '../cluster/until.js'
import type { NodeUnderFault } from './node-under-fault.js'

/** Codes after which nothing was counted, for certain. */
const REFUSED = new Set(['NOT_READY', 'NODE_CLOSED'])
/** Codes after which it may have been counted: the disk or the process ended in the middle. */
const INDETERMINATE = new Set(['INDETERMINATE', 'GONE'])

/** Amounts of a telling key are powers of four, each used once: a digit of its total names one increment, and a 2 or a 3 one
 *  that was counted more than once. So many fit below 2^53. */
const DIGITS = 26

const LANES = 4

type Outcome = 'open' | 'acknowledged' | 'refused'

interface Account {
  acknowledged: number
  /** Neither acknowledged nor refused: it may be counted. */
  open: number
  /** By digit, of a telling key. */
  readonly digits: Outcome[] | undefined
}

/** What was asked of nodes and what they answered, entered only at the end of what is known: the bounds of every total. */
export class Ledger {
  readonly #accounts = new Map<string, Account>()
  readonly #telling = new Map<string, string>()
  /** What a lane of load waits between two counts: processes that start beside it get their share of the machine. Around a fault that
   *  is to meet counts under way it is short. */
  pauseMs = 60
  attempts = 0
  acknowledgements = 0
  refusals = 0
  /** Failures with a code that says nothing of what was counted. */
  readonly strange: string[] = []

  /** Counts 1 and enters how it ended. Never rejects: a node may be killed at any time. */
  async add(node: NodeUnderFault, key: string): Promise<void> {
    await this.#enter(node, key, 1, this.#account(key, false), undefined)
  }

  /** Counts an amount that no other increment of its key has; the key is `<name>-<number>`. */
  async addTelling(node: NodeUnderFault, name: string): Promise<void> {
    let key = this.#telling.get(name)
    if (key === undefined || this.#account(key, true).digits?.length === DIGITS) {
      key = `${name}-${this.#accounts.size}`
      this.#telling.set(name, key)
    }
    const account = this.#account(key, true)
    const digit = account.digits?.push('open') as number
    await this.#enter(node, key, 4 ** (digit - 1), account, digit - 1)
  }

  /** Counts on some lanes, until `stop` or the end of the process: half of it on a telling key named `name`, half on
   *  `<name>-plain` and `shared`.
   *  @returns how to stop; resolves when all is settled */
  load(node: NodeUnderFault, name: string): () => Promise<void> {
    let stopped = false
    const lane = async (number: number): Promise<void> => {
      for (let turn = number; !stopped && !node.gone; turn++) {
        if (turn % 2 === 0) await this.addTelling(node, name)
        else await this.add(node, turn % 4 === 1 ? 'shared' : `${name}-plain`)
        await new Promise(resolve => setTimeout(resolve, this.pauseMs))
      }
    }
    const all = Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
    return async () => {
      stopped = true
      await all
    }
  }

  /** The least and the most that `key` may show now, counting what any node was asked for. */
  bounds(key: string): { least: number; most: number } {
    const { acknowledged, open } = this.#accounts.get(key) ?? { acknowledged: 0, open: 0 }
    return { least: acknowledged, most: acknowledged + open }
  }

  get indeterminate(): number {
    return this.attempts - this.acknowledgements - this.refusals
  }

  /** What contradicts this ledger in a node's counters; undefined where nothing does. Only for a node that knows all. */
  contradiction(counters: ReadonlyArray<readonly [string, number]>): string | undefined {
    if (this.strange.length > 0) return `failures that say nothing: ${this.strange.slice(0, 3).join(' / ')}`
    const values = new Map(counters)
    for (const [key, account] of this.#accounts) {
      const value = values.get(key) ?? 0
      const { least, most } = this.bounds(key)
      if (value < least || value > most) return `${key} is ${value}, not ${least} to ${most}`
      const wrong = account.digits && wrongDigit(value, account.digits)
      if (wrong !== undefined) return `${key} is ${value} = ${value.toString(4)} in base 4: ${wrong}`
    }
    for (const [key] of counters) if (!this.#accounts.has(key)) return `${key} was never counted`
    return undefined
  }

  /** Waits until all nodes show the same, and nothing contradicts it. */
  async agreed(nodes: readonly NodeUnderFault[]): Promise<void> {
    await until(`${nodes.map(({ name }) => name).join(', ')} to agree`, async () => {
      const views = await Promise.all(nodes.map(node => node.call('counters')))
      const [first = []] = views
      const other = views.find(view => JSON.stringify(view) !== JSON.stringify(first))
      if (other) return difference(first, other)
      return this.contradiction(first) ?? true
    })
  }

  #account(key: string, telling: boolean): Account {
    let account = this.#accounts.get(key)
    if (!account) {
      account = { acknowledged: 0, open: 0, digits: telling ? [] : undefined }
      this.#accounts.set(key, account)
    }
    return account
  }

  async #enter(
    node: NodeUnderFault,
    key: string,
    amount: number,
    account: Account,
    digit: number | undefined,
  ): Promise<void> {
    const enter = (outcome: Outcome) => {
      if (digit !== undefined && account.digits) account.digits[digit] = outcome
      account.open -= amount
      if (outcome === 'acknowledged') account.acknowledged += amount
    }
    account.open += amount
    this.attempts++
    try {
      await node.add(key, amount)
      enter('acknowledged')
      this.acknowledgements++
    } catch (error) {
      const { code, message } = error as CallError
      if (REFUSED.has(code)) {
        enter('refused')
        this.refusals++
      } else if (!(error instanceof CallError) || !INDETERMINATE.has(code)) this.strange.push(`${code}: ${message}`)
    }
  }
}

function wrongDigit(value: number, digits: readonly Outcome[]): string | undefined {
  let rest = value
  for (const [digit, outcome] of digits.entries()) {
    const times = rest % 4
    rest = (rest - times) / 4
    if (times > 1) return `increment ${digit} was counted ${times} times`
    if (times === 0 && outcome === 'acknowledged') return `increment ${digit} was acknowledged and is lost`
    if (times === 1 && outcome === 'refused') return `increment ${digit} was refused and is counted`
  }
  return rest > 0 ? 'it holds increments that nobody asked for' : undefined
}

function difference(
  one: ReadonlyArray<readonly [string, number]>,
  other: ReadonlyArray<readonly [string, number]>,
): string {
  const values = new Map(other)
  const differing = one.filter(([key, value]) => values.get(key) !== value)
  const shown = differing.slice(0, 3).map(([key, value]) => `${key} ${value} and ${values.get(key)}`)
  return `${one.length} and ${other.length} counters, ${differing.length} of the first differ: ${shown.join(', ')}`
}
