import type { CounterKey } from './counter-key.js'
import { TallymeshError } from './errors.js'

/** A value as a number. @throws TallymeshError VALUE_UNSAFE where no number holds it exactly */
export function safeValue(key: CounterKey, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new TallymeshError(
      'VALUE_UNSAFE',
      `the value ${value} of ${key} does not fit a number exactly; read it with valueBigInt`,
    )
  }
  return Number(value)
}
