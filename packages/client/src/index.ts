export type { Addition, Replicas } from './addition.js'
export type {
  Count,
  CounterPage,
  CounterTotals,
  CounterValue,
  Member,
  Members,
  RetiredId,
  RoomFolding,
  RoomOperations,
} from './answers.js'
export {
  type AddOptions,
  type ListOptions,
  type PageOptions,
  type ReadOptions,
  TallymeshClient,
  type WatchOptions,
} from './client.js'
export { type ClientCode, type Counted, TallymeshClientError } from './client-error.js'
export { canonicalKey, counterKey } from './counter-key.js'
export { newOperationId } from './operation.js'
export type { ClientOptions } from './options.js'
export type { KeptOperation, LeftBehind, Outbox, OutboxChange } from './outbox.js'
export type { Recovery } from './recovery.js'
export type { TokenSource } from './wire.js'
