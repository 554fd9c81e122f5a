import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { startServer } from '@tallymesh/server'
import { newOperationId, openNode, type TallymeshNode } from 'tallymesh'
import { Child } from './child.js'
import { startLoad } from './child-load.js'
import { HttpChild, type Load } from './http-child.js'
import { openLone } from './lone-node.js'
import { randomOrder } from './order.js'
import { BenchRoom, nodeOptions } from './room.js'
import { pipelined } from './rounds.js'
import type { Scratch } from './scratch.js'

const IN_FLIGHT = 1_000

/** A way that counts take through this process, alone, to be looked at by a profiler. */
export interface HotPath {
  readonly about: string
  /** Answers what to run for so many milliseconds, and what to do afterwards. */
  readonly prepare: (scratch: Scratch) => Promise<{
    run: (durationMs: number) => Promise<unknown>
    /** The node whose commits are counted meanwhile, where it stays the same. */
    node?: TallymeshNode
    end: () => Promise<unknown>
  }>
}

export const HOT_PATHS: Readonly<Record<string, HotPath>> = {
  increment: {
    about: 'increment() on 10,000 counters at random, in bursts of 100,000 that nobody awaits',
    prepare: async scratch => {
      const node = await openLone(scratch)
      const counters = Array.from({ length: 10_000 }, (_, i) => node.counter(`c${i}`))
      const order = randomOrder(100_000, 10_000)
      const run = (durationMs: number) =>
        repeated(durationMs, async () => {
          for (let i = 0; i < order.length; i++) void counters[order[i] as number]?.increment()
          await turn()
        })
      return { node, run, end: () => node.close() }
    },
  },
  'durable-10': lone('awaited increments, 1,000 in flight, on 10 counters', counting(10)),
  'durable-1000': lone('awaited increments, 1,000 in flight, on 1,000 counters at random', counting(1_000)),
  single: lone('awaited increments, one at a time', node => durationMs => {
    return pipelined(1, durationMs, () => node.counter('alone').increment())
  }),
  steady: lone('1,000 increments a second, spread evenly, that nobody awaits', node => async durationMs => {
    const load = startLoad(node, 1_000, 1_000)
    await pause(durationMs)
    load.stop()
  }),
  replicated: room('increments that wait for two of three nodes, 1,000 in flight, on 10 counters', node => {
    const counters = Array.from({ length: 10 }, (_, i) => node.counter(`c${i}`))
    let next = 0
    return durationMs =>
      pipelined(IN_FLIGHT, durationMs, async () => counters[next++ % 10]?.increment(1, { replicas: 2 }))
  }),
  operations: room('increments with an operation id in a room of three, 1,000 in flight, on 10 counters', node => {
    const counters = Array.from({ length: 10 }, (_, i) => node.counter(`c${i}`))
    let next = 0
    return durationMs =>
      pipelined(IN_FLIGHT, durationMs, async () => counters[next++ % 10]?.increment(1, { operation: newOperationId() }))
  }),
  receive: room('taking in 10,000 increments a second of each of two peers, on 1,000 counters', (_node, peers) => {
    return async durationMs => {
      for (const peer of peers) await peer.ask({ type: 'load', perSecond: 10_000, keys: 1_000 })
      await pause(durationMs)
      for (const peer of peers) await peer.ask({ type: 'unload' })
    }
  }),
  http: served('POST of one increment, 64 connections', {
    paths: Array.from({ length: 100 }, (_, i) => `/v1/counters/${encodeURIComponent(`orders{shop="${i}"}`)}`),
    body: '{"add":1}',
    connections: 64,
  }),
  batch: served('POST of 1,000 increments, one connection, 8 requests under way', {
    paths: ['/v1/counters'],
    body: JSON.stringify(Array.from({ length: 1_000 }, (_, i) => ({ key: `orders{shop="${i}"}`, add: 1 }))),
    connections: 1,
    pipelining: 8,
  }),
  open: {
    about: 'opening 100,000 counters of three replicas, again and again',
    prepare: async scratch => {
      const keys = 100_000
      const room = await BenchRoom.start(scratch, 3, keys)
      await room.all({ type: 'agree', replicas: 3, keys })
      await room.end()
      const run = (durationMs: number) =>
        repeated(durationMs, async () => {
          const node = await openNode(nodeOptions(scratch, room.dirs[0] as string, 'n0'))
          await node.close()
        })
      return { run, end: async () => {} }
    },
  },
}

function lone(about: string, path: (node: TallymeshNode) => (durationMs: number) => Promise<unknown>): HotPath {
  const prepare = async (scratch: Scratch) => {
    const node = await openLone(scratch)
    return { node, run: path(node), end: () => node.close() }
  }
  return { about, prepare }
}

function room(
  about: string,
  path: (node: TallymeshNode, peers: readonly Child[]) => (durationMs: number) => Promise<unknown>,
): HotPath {
  const prepare = async (scratch: Scratch) => {
    const node = await openNode(nodeOptions(scratch, scratch.dir(), 'n0'))
    const urls = [node.url as string]
    const peers = [new Child(), new Child()]
    for (const [i, peer] of peers.entries()) {
      const options = nodeOptions(scratch, scratch.dir(), `n${i + 1}`, urls)
      urls.push((await peer.ask({ type: 'open', options })).url as string)
    }
    await node.counter('first').increment(1, { replicas: 3 })
    return { node, run: path(node, peers), end: () => Promise.all([node.close(), ...peers.map(peer => peer.end())]) }
  }
  return { about, prepare }
}

/** A server here; the load comes from another process. */
function served(about: string, load: Omit<Load, 'url' | 'durationMs'>): HotPath {
  const prepare = async (scratch: Scratch) => {
    const place = { dataDir: scratch.dir(), runtimeDir: scratch.runtimeDir, listen: { host: '127.0.0.1', port: 0 } }
    const server = await startServer({ name: 'bench', room: 'bench', ...place, shutdownTimeoutMs: 0 })
    const cannon = new HttpChild()
    const run = (durationMs: number) => cannon.ask({ type: 'load', ...load, url: server.url, durationMs })
    return { run, end: () => Promise.all([cannon.end(), server.close()]) }
  }
  return { about, prepare }
}

function counting(keys: number): (node: TallymeshNode) => (durationMs: number) => Promise<number> {
  return node => {
    const counters = Array.from({ length: keys }, (_, i) => node.counter(`of${keys}`, { key: `${i}` }))
    const order = randomOrder(16_384, keys)
    let next = 0
    return durationMs =>
      pipelined(IN_FLIGHT, durationMs, async () => counters[order[next++ & 16_383] as number]?.increment())
  }
}

async function repeated(durationMs: number, f: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now()
  while (performance.now() - startMs < durationMs) await f()
}
