import type { ReplicaId } from './ids.js'

/** The smallest number that `adoptedNumber` answers: above those that a log gives to its own. */
export const ADOPTED_NUMBER_MIN = 2 ** 52

/** The number that a settlement, fold or fence of `log` has in every log that takes it over: none that a log gives to its own. */
export function adoptedNumber(log: ReplicaId, number: number): number {
  const low = Math.imul((number ^ log) >>> 0, 0x9e3779b1) >>> 0
  const high = Math.imul((Math.floor(number / 2 ** 32) ^ Math.floor(log / 2 ** 32) ^ low) >>> 0, 0x85ebca6b) >>> 12
  return (2 ** 20 + high) * 2 ** 32 + low
}

/** The id under which the table holds what `log` absorbed: beside its own slots. Applied twice, it answers `log`. */
export function absorbedUnder(log: ReplicaId): ReplicaId {
  const high = Math.floor(log / 2 ** 32) ^ 0x155555
  const low = ((log % 2 ** 32) ^ 0x2aaaaaaa) >>> 0
  return (high * 2 ** 32 + low) as ReplicaId
}
