import { TallymeshError } from '@tallymesh/crdt'
import type { Store, WitnessPort } from '@tallymesh/store'
import type { Settings } from './options.js'

/** What an operator should know of a directory that was opened. */
export function startReports(
  { dataDir, runtimeDir, peers }: Settings,
  store: Store,
  witness: WitnessPort,
): TallymeshError[] {
  const reports = store.damage.map(damage => new TallymeshError('STORE_CORRUPT', damage))
  const { wiped, reason } = witness
  if (wiped !== undefined) {
    const text = `${dataDir} is new, but store ${wiped} was in its place on this machine: it was wiped`
    const then =
      peers.length > 0
        ? 'The peers send back what they hold'
        : 'Without peers in its configuration the node is a room of its own until another one links to it: name one that is up'
    reports.push(new TallymeshError('STORE_WIPED', `${text}. ${then}`))
  }
  if (reason !== undefined && runtimeDir !== false) {
    reports.push(new TallymeshError('WITNESS_UNAVAILABLE', `${reason}; every start takes a fresh replica id`))
  }
  return reports
}
