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
export type { OperationFigures } from '@tallymesh/replica'
export type { AddOptions } from './add-options.js'
export type { Counter } from './counter.js'
export type { CounterAdd } from './counter-group.js'
export type { CounterReader, ReaderOptions } from './counter-reader.js'
export type { CommitEvent, NodeEvents, NodeStatus, PeerEvent } from './events.js'
export type { MemberInfo } from './member-info.js'
export { newOperationId } from './new-operation-id.js'
export type { TallymeshNode } from './node.js'
export type { FoldingStats, FrameStats, NodeStats, RetiredState } from './node-stats.js'
export { openNode } from './open-node.js'
export type { AdvertiseOptions, ListenOptions, NodeOptions } from './options.js'
export type { PeerTls } from './peer-tls.js'
export type { ExportedSlot } from './slot-export.js'
export type { TokenPolicy, TokenScope } from './token-policy.js'
export { type VerifiedDirectory, type VerifyDirectoryOptions, verifyDirectory } from './verify-directory.js'
