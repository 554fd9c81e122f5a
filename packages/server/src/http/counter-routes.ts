import { TallymeshError } from '@tallymesh/crdt'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AddOptions, TallymeshNode } from 'tallymesh'
import { type CounterHandle, CounterHandles } from './counter-handles.js'
import { operationOf } from './idempotency-key.js'
import { jsonNumber } from './json-number.js'
import {
  ADD_ANSWERS,
  ADD_BODY,
  AFTER_HEADERS,
  BATCH_ANSWERS,
  BATCH_BODY,
  BATCH_QUERY,
  COUNTER_ANSWERS,
  IDEMPOTENCY_HEADERS,
  KEY_PARAMS,
  NO_QUERY,
  PAGE_ANSWERS,
  PAGE_QUERY,
} from './schemas.js'
import { openedNode, type Serving } from './serving.js'

export const JSON_TYPE = 'application/json; charset=utf-8'
const PAGE_DEFAULT = 100

interface Keyed {
  Params: { key: string }
}

type AddRequest = FastifyRequest<Keyed & { Body: { add: number } & AddOptions }>
type BatchRequest = FastifyRequest<{ Body: Array<{ key: string; add: number }>; Querystring: AddOptions }>
type PageRequest = FastifyRequest<{ Querystring: { prefix?: string; after?: string; limit?: number } }>

/** Counting, and reading what was counted. */
export function counterRoutes(app: FastifyInstance, serving: Serving): void {
  const handles = new CounterHandles()
  app.post('/v1/counters/:key', {
    config: { scope: 'write', adds: true },
    schema: {
      ...{ tags: ['counters'], summary: 'Add to a counter' },
      ...{ params: KEY_PARAMS, querystring: NO_QUERY, headers: IDEMPOTENCY_HEADERS, body: ADD_BODY },
      response: ADD_ANSWERS,
    },
    handler: (request: AddRequest, reply) => addOne(countingNode(serving), handles, request, reply),
  })
  app.post('/v1/counters', {
    config: { scope: 'write', adds: true },
    schema: {
      ...{ tags: ['counters'], summary: 'Add to many counters in one commit: all of it, or nothing' },
      ...{ querystring: BATCH_QUERY, headers: IDEMPOTENCY_HEADERS, body: BATCH_BODY, response: BATCH_ANSWERS },
    },
    handler: (request: BatchRequest, reply) => addMany(countingNode(serving), handles, request, reply),
  })
  app.get('/v1/counters/:key', {
    config: { scope: 'read' },
    schema: {
      ...{ tags: ['counters'], summary: 'Read a counter' },
      ...{ params: KEY_PARAMS, querystring: NO_QUERY, headers: AFTER_HEADERS, response: COUNTER_ANSWERS },
    },
    handler: async (request: FastifyRequest<Keyed>, reply) => {
      const node = openedNode(serving)
      await seen(serving, node, request)
      return reply.header('content-type', JSON_TYPE).send(counterJson(node.reader(request.params.key)))
    },
  })
  app.get('/v1/counters', {
    config: { scope: 'read' },
    schema: {
      ...{ tags: ['counters'], summary: 'Read a page of counters' },
      ...{ querystring: PAGE_QUERY, headers: AFTER_HEADERS, response: PAGE_ANSWERS },
    },
    handler: async (request: PageRequest, reply) => {
      const node = openedNode(serving)
      await seen(serving, node, request)
      return reply.header('content-type', JSON_TYPE).send(page(node, request.query))
    },
  })
}

/** The node, where it may count. Asked before anything is tried, so that a node without its disk does not report each request.
 *  @throws TallymeshError NOT_READY, NODE_CLOSED */
function countingNode(serving: Serving): TallymeshNode {
  const node = openedNode(serving)
  if (node.refusal) throw node.refusal
  if (!serving.readiness.refusing) return node
  throw new TallymeshError('NODE_CLOSED', `the node ${serving.name} is shutting down; nothing was counted, ask another`)
}

/** Waits until this node has seen what the request's Tallymesh-After names.
 *  @throws TallymeshError INVALID_OPTION, NOT_CAUGHT_UP */
export async function seen({ limits }: Serving, node: TallymeshNode, { headers }: FastifyRequest): Promise<void> {
  const after = headers['tallymesh-after']
  if (typeof after === 'string' && after !== '') await node.reached(after, limits.afterTimeoutMs)
}

function addOne(node: TallymeshNode, handles: CounterHandles, request: AddRequest, reply: FastifyReply): void {
  const { add, replicas, timeoutMs } = request.body
  const operation = operationOf(request.headers['idempotency-key'])
  const handle = handles.of(node, request.params.key)
  const { counter } = handle
  const plain = replicas === undefined && timeoutMs === undefined && operation === undefined
  const concern = plain ? undefined : addOptions(replicas, timeoutMs, operation)
  const durable = add > 0 ? counter.increment(add, concern) : counter.decrement(-add, concern)
  const answered = () => {
    reply.header('content-type', JSON_TYPE).header('tallymesh-after', node.position).send(handle.json())
  }
  durable.then(answered, error => reply.send(error))
}

function addMany(node: TallymeshNode, handles: CounterHandles, request: BatchRequest, reply: FastifyReply): void {
  // Every key is looked at before the first is counted.
  const found = request.body.map(({ key }, at) => handleAt(node, handles, key, at))
  const entries = request.body.map(({ add }, at) => ({ key: (found[at] as (typeof found)[number]).counter.key, add }))
  const answered = () => {
    const text = `[${found.map(handle => handle.json()).join(',')}]`
    reply.header('content-type', JSON_TYPE).header('tallymesh-after', node.position).send(text)
  }
  const { replicas, timeoutMs } = request.query
  const options = addOptions(replicas, timeoutMs, operationOf(request.headers['idempotency-key']))
  node.add(entries, options).then(answered, error => reply.send(error))
}

function addOptions(
  replicas: AddOptions['replicas'],
  timeoutMs: number | undefined,
  operation: string | undefined,
): AddOptions {
  return {
    ...(replicas !== undefined && { replicas }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(operation !== undefined && { operation }),
  }
}

/** @throws TallymeshError INVALID_NAME, with the place in the batch */
function handleAt(node: TallymeshNode, handles: CounterHandles, key: string, at: number): CounterHandle {
  try {
    return handles.of(node, key)
  } catch (error) {
    if (!(error instanceof TallymeshError) || error.code !== 'INVALID_NAME') throw error
    throw new TallymeshError('INVALID_NAME', `body/${at}/key: ${error.message}; nothing was counted`)
  }
}

interface Totals {
  readonly key: string
  readonly totals: { readonly increments: bigint; readonly decrements: bigint }
}

function counterJson({ key, totals: { increments, decrements } }: Totals): string {
  const figures = `"increments":${jsonNumber(increments)},"decrements":${jsonNumber(decrements)}`
  return `{"key":${JSON.stringify(key)},"value":${jsonNumber(increments - decrements)},${figures}}`
}

/** Reads one counter more than it shows: so it knows whether a page follows. */
function page(node: TallymeshNode, query: PageRequest['query']): string {
  const { prefix = '', after = '', limit = PAGE_DEFAULT } = query
  const shown: string[] = []
  let last: string | undefined
  let next: string | undefined
  for (const counter of node.readers({ prefix, after })) {
    if (shown.length === limit) {
      next = last
      break
    }
    shown.push(counterJson(counter))
    last = counter.key
  }
  return `{"counters":[${shown.join(',')}],"next":${next === undefined ? 'null' : JSON.stringify(next)}}`
}
