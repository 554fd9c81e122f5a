// One node of the demo: a small HTTP application that counts its requests with tallymesh. It ends with its supervisor,
// however that ends.
import Fastify from 'fastify'
import { openNode, type TallymeshNode } from 'tallymesh'
import type { NodeConfig, NodeNews, NodeState } from './node-config.js'
import { addShop } from './shop.js'

const config = JSON.parse(process.argv[2] ?? '{}') as NodeConfig

process.on('disconnect', () => process.exit(0))
// Ctrl-C in a terminal reaches the whole group; the supervisor decides when a node ends.
process.on('SIGINT', () => {})

const node = await openNode({
  name: config.name,
  room: 'shop',
  dataDir: config.dataDir,
  runtimeDir: config.runtimeDir,
  // It advertises nothing: every link goes through the cables that the demo can cut.
  listen: { port: config.meshPort, advertise: [] },
  peers: config.peers,
  heartbeatMs: 200,
  antiEntropyMs: 1_000,
  closeTimeoutMs: 1_000,
})
node.on('error', ({ code, message }) => {
  if (code !== 'NOT_REPLICATED') tell({ type: 'error', code, message })
})
node.on('peer', ({ name, state }) => tell({ type: 'peer', peer: name, state }))

const app = Fastify({ forceCloseConnections: true })
app.get('/readyz', async (_request, reply) => reply.code(node.status === 'ready' ? 200 : 503).send(stateOf(node)))
app.get('/counters', async () => [...node.counters()])
await app.register(async shop => addShop(shop, node, config))
await app.listen({ host: '127.0.0.1', port: config.httpPort })

process.on('SIGTERM', () => void close())

async function close(): Promise<void> {
  await app.close()
  await node.close()
  process.exit(0)
}

function tell(news: NodeNews): void {
  if (process.connected) process.send?.(news)
}

function stateOf(node: TallymeshNode): NodeState {
  let total = 0
  for (const [, value] of node.counters({ prefix: 'http_requests' })) total += value
  const lags: Record<string, number> = {}
  // A node whose disk was wiped is known twice: as the store that is gone, which is down for good, and as the new one.
  const members = node.members().filter(({ name }) => name !== config.name)
  for (const { name, state, lag } of members) {
    if (state === 'up' || !members.some(member => member.name === name && member.state === 'up')) lags[name] = lag
  }
  return { ready: node.status === 'ready', status: node.status, replica: node.stats.replica, total, lags }
}
