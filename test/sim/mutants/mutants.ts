import { CRDT_MUTANTS } from './crdt-mutants.js'
import { EXCHANGE_MUTANTS } from './exchange-mutants.js'
import { FOLD_MUTANTS } from './fold-mutants.js'
import { IDENTITY_MUTANTS } from './identity-mutants.js'
import type { Mutant } from './mutant.js'
import { OPERATION_MUTANTS } from './operation-mutants.js'
import { ORDER_MUTANTS } from './order-mutants.js'

/** Every mistake that the simulator has to notice. */
export const MUTANTS: readonly Mutant[] = [
  ...ORDER_MUTANTS,
  ...IDENTITY_MUTANTS,
  ...CRDT_MUTANTS,
  ...EXCHANGE_MUTANTS,
  ...OPERATION_MUTANTS,
  ...FOLD_MUTANTS,
]

/** @throws Error naming all where there is none of this name */
export function mutantOf(name: string): Mutant {
  const found = MUTANTS.find(mutant => mutant.name === name)
  if (found) return found
  throw new Error(`there is no mutant ${name}; there are ${MUTANTS.map(mutant => mutant.name).join(', ')}`)
}
