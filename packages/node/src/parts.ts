/** What `openNode` makes a node of, for a simulation that gives it another disk, network and time. No contract: this may change
 *  in any release. */
export type { Host } from './host.js'
export { Lifecycle } from './lifecycle.js'
export type { Wire } from './mesh.js'
export { TallymeshNode } from './node.js'
export { checkOptions, type NodeOptions, type Settings } from './options.js'
