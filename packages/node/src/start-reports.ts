import { TallymeshError } from '@tallymesh/crdt'
import type { Store, WitnessPort } from '@tallymesh/store'
import type { Settings } from './options.js'

/** What an operator should know of a directory that was opened. */
export function startReports({ dataDir, runtimeDir }: Settings, store: Store, witness: WitnessPort): TallymeshError[] {
  const reports = store.damage.map(damage => new TallymeshError('STORE_CORRUPT', damage))
  const { wiped, reason } = witness
  if (wiped !== undefined) {
    const text = `${dataDir} is new, but store ${wiped} was in its place on this machine: it was wiped`
    reports.push(new TallymeshError('STORE_WIPED', `${text}. The peers send back what they hold`))
  }
  if (reason !== undefined && runtimeDir !== false) {
    reports.push(new TallymeshError('WITNESS_UNAVAILABLE', `${reason}; every start takes a fresh replica id`))
  }
  return reports
}
