export {
  type CounterKey,
  CounterView,
  counterKey,
  ERROR_CODES,
  type ErrorCode,
  type Labels,
  parseCounterKey,
  readCounters,
  TallymeshError,
} from '@tallymesh/crdt'
export type { AddOptions } from './add-options.js'
export type { Counter } from './counter.js'
export type { NodeEvents, NodeStatus, PeerEvent } from './events.js'
export type { MemberInfo } from './member-info.js'
export type { TallymeshNode } from './node.js'
export type { NodeStats } from './node-stats.js'
export { openNode } from './open-node.js'
export type { ListenOptions, NodeOptions } from './options.js'
