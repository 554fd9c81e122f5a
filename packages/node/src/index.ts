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
export { type MemberInfo, type NodeStats, openNode, type TallymeshNode } from './node.js'
export type { ListenOptions, NodeOptions } from './options.js'
