import { fileURLToPath } from 'node:url'
import type { BalancerAddresses, BalancerKind } from '@tallymesh/server'

export const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url))

/** The files of `deploy/` that are rendered from the templates of `packages/server/balancer`. */
export const FILES: readonly (readonly [kind: BalancerKind, file: string])[] = [
  ['haproxy', 'haproxy.cfg'],
  ['nginx', 'nginx.conf'],
]

/** The nodes in them, as `tallymesh cluster` starts them. */
export const ADDRESSES: BalancerAddresses = {
  bind: '127.0.0.1:7000',
  servers: [1, 2, 3].map(i => ({ name: `node-${i}`, host: '127.0.0.1', port: 7000 + i })),
}
