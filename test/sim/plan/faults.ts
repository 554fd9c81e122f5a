import { DISK_FAULTS } from './disk-faults.js'
import { NETWORK_FAULTS } from './network-faults.js'
import { OPERATOR_FAULTS } from './operator-faults.js'
import { PROCESS_FAULTS } from './process-faults.js'

/** All sequences that a seed may hold, by name. */
export const FAULT_TABLE = { ...PROCESS_FAULTS, ...DISK_FAULTS, ...NETWORK_FAULTS, ...OPERATOR_FAULTS }

export type FaultName = keyof typeof FAULT_TABLE

/** Those that a seed leaves out or not, each for itself. `leave` is drawn apart. */
export const FAULTS = (Object.keys(FAULT_TABLE) as readonly FaultName[]).filter(name => name !== 'leave')
