import { TallymeshError } from '@tallymesh/crdt'
import type { Logger } from 'pino'
import type { TallymeshNode } from 'tallymesh'
import type { ServerMetrics } from '../metrics/server-metrics.js'
import type { Limits } from '../options.js'
import type { Readiness } from './readiness.js'
import type { TokenCheck } from './token-check.js'
import type { Watchers } from './watchers.js'

/** What the routes share. */
export interface Serving {
  /** The node's name. */
  readonly name: string
  readonly limits: Limits
  readonly origins: readonly string[]
  readonly tokens: TokenCheck | undefined
  readonly log: Logger
  readonly metrics: ServerMetrics
  readonly readiness: Readiness
  readonly watchers: Watchers
  /** The node; undefined until it is open. */
  readonly node: () => TallymeshNode | undefined
  /** See `TallymeshServer.leave`. */
  readonly leave: () => Promise<void>
}

/** The node, once it is open. @throws TallymeshError NOT_READY before */
export function openedNode(serving: Serving): TallymeshNode {
  const node = serving.node()
  if (node) return node
  throw new TallymeshError('NOT_READY', 'the node is opening its data directory; nothing was counted')
}
