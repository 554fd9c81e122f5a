import { setTimeout as pause } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import { openNode, type TallymeshNode } from 'tallymesh'
import type { Answer, Request, Seen } from './child.js'
import { countAll, exportAll, Stalls, startLoad, startPuts } from './child-load.js'
import { counterName } from './counter-name.js'
import { yjsLoaded } from './million-peers.js'
import type { SteadyLoad } from './steady-load.js'

// The process that `Child` starts. It ends with its parent.
let node: TallymeshNode | undefined
let load: SteadyLoad | undefined
let stalls: Stalls | undefined

process.on('disconnect', () => process.exit())
process.on('message', (request: Request) => {
  answer(request).then(send, (error: unknown) =>
    send({ error: error instanceof Error ? String(error.stack) : String(error) }),
  )
})

function send(message: Answer | Seen): void {
  process.send?.(message)
}

async function answer(request: Request): Promise<Answer> {
  switch (request.type) {
    case 'open': {
      const startMs = performance.now()
      node = await openNode(request.options)
      return { ms: performance.now() - startMs, url: node.url }
    }
    case 'count':
      await countAll(opened(), request.keys)
      return {}
    case 'reach': {
      const { keys, links } = request
      while (opened().stats.keys < keys || opened().stats.links < links) await pause(20)
      return {}
    }
    case 'agree': {
      const { keys, replicas } = request
      while (total() < keys * replicas) await pause(50)
      return {}
    }
    case 'memory': {
      if (!gc) throw new Error('this process was started without --expose-gc')
      // What the first one finds dead may hold memory outside the heap until the second.
      for (let i = 0; i < 2; i++) await gc({ execution: 'async', type: 'major' })
      const { heapUsed, external } = process.memoryUsage()
      return { bytes: heapUsed + external }
    }
    case 'cpu': {
      const { user, system } = process.cpuUsage()
      return { ms: (user + system) / 1000 }
    }
    case 'watch':
      void watch(request.counter)
      return {}
    case 'load':
      load = startLoad(node, request.perSecond, request.keys)
      return {}
    case 'puts':
      await startPuts(request.path, request.everyMs, request.bytes)
      return {}
    case 'unload':
      return { count: load?.stop() ?? 0 }
    case 'probe': {
      const calledNs = process.hrtime.bigint()
      await opened().counter(request.counter).increment()
      return { calledNs, ackedNs: process.hrtime.bigint() }
    }
    case 'stall':
      return (stalls ??= new Stalls()).take()
    case 'export':
      return { count: await exportAll(opened()) }
    case 'scan': {
      const startMs = performance.now()
      await scan(request.path, request.keys)
      return { ms: performance.now() - startMs }
    }
    case 'yjs':
      return { bytes: yjsLoaded(request.keys, request.replicas) }
    case 'close':
      await node?.close()
      return {}
    default: {
      const unreachable: never = request
      throw new TypeError(`unknown request ${JSON.stringify(unreachable)}`)
    }
  }
}

function opened(): TallymeshNode {
  if (!node) throw new Error('no node is open')
  return node
}

function total(): number {
  let sum = 0
  for (const [, value] of opened().counters()) sum += value
  return sum
}

async function watch(counter: string): Promise<void> {
  for await (const seen of opened().counter(counter).watch()) send({ seen, atNs: process.hrtime.bigint() })
}

async function scan(path: string, keys: number): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open({ createIfMissing: false })
  let bytes = 0
  const iterator = level.iterator({ highWaterMarkBytes: 256 * 1024 })
  for (;;) {
    const entries = await iterator.nextv(1000)
    if (entries.length === 0) break
    for (const [key, value] of entries) bytes += key.length + value.length
  }
  await iterator.close()
  await level.close()
  const values = new Map<string, number>()
  for (let i = 0; i < keys; i++) values.set(counterName(i), i)
  if (bytes === 0 || values.size !== keys) throw new Error('there was nothing to read')
}
